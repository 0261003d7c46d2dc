"""The hash that is kept of somebody who was erased: keyed, as addresses are few enough to be tried one by one."""

import hmac
import secrets
from collections.abc import Iterable

from audiences.rights.models import ErasureKey
from common.encryption import decrypt, encrypt

EXTERNAL_ID = "external_id"


def secret_of(workspace_id: int) -> bytes | None:
    """None while nobody was erased from the workspace: then there is nothing to compare with."""
    found = ErasureKey.objects.filter(pk=workspace_id).values_list("secret", flat=True).first()
    return None if found is None else bytes.fromhex(decrypt(found))


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
