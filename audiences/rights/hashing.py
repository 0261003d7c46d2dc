"""The hash that is kept of somebody who was erased: keyed, as addresses are few enough to be tried one by one."""

import hmac
import secrets
from collections.abc import Iterable
from functools import lru_cache

from cryptography.fernet import InvalidToken
from django.core.exceptions import ImproperlyConfigured

from audiences.rights.models import ErasureKey
from common.encryption import decrypt, encrypt, renewed

EXTERNAL_ID = "external_id"


def secret_of(workspace_id: int) -> bytes | None:
    """None while nobody was erased from the workspace: then there is nothing to compare with."""
    found = ErasureKey.objects.filter(pk=workspace_id).values_list("secret", flat=True).first()
    return None if found is None else _opened(found)


@lru_cache(maxsize=1024)
def _opened(token: str) -> bytes:
    """Rather no import at all than one that writes to people who were erased."""
    try:
        return bytes.fromhex(decrypt(token))
    except InvalidToken:
        raise ImproperlyConfigured(
            "No key of VOLLEY_ENCRYPTION_KEYS opens the secret that erased people are known by. Put back the key that"
            " was taken away; ten minutes after a new one was put in front, the old one is not needed any more."
        ) from None


def renew_secrets() -> None:
    """For the sweep: encrypts by the newest key, so that older ones can be taken away."""
    for key in ErasureKey.objects.order_by("pk").iterator():
        secret = renewed(key.secret)
        if secret is not None:
            ErasureKey.objects.filter(pk=key.pk, secret=key.secret).update(secret=secret)


def made_secret(workspace_id: int) -> bytes:
    """Under the exclusive lock of `audiences.rights.erased`."""
    known = secret_of(workspace_id)
    if known is not None:
        return known
    secret = secrets.token_bytes(32)
    ErasureKey.objects.create(workspace_id=workspace_id, secret=encrypt(secret.hex()))
    return secret


def hash_of(secret: bytes, type: str, value: str) -> bytes:
    """HMAC-SHA256 (RFC 2104) of the type and the value as it is kept, a NUL between them."""
    return hmac.digest(secret, f"{type}\0{value}".encode(), "sha256")


def hashes_of(secret: bytes, keys: Iterable[tuple[str, str]]) -> list[bytes]:
    """Aligned with the (type, value) pairs."""
    return [hash_of(secret, type, value) for type, value in keys]
