"""The tokens in unsubscribe links: which delivery a click belongs to and to which address it went, sealed so that
nobody can read or forge one.

The address is in it because links outlive contacts: one that was deleted has no row that an id could lead to. One is
made for every message that is sent; AES-SIV (RFC 5297) takes about two microseconds, and gives a delivery that is sent
again the same link.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from common.channels import Type

# An email's length at most. Links to longer addresses, of web push, name ids alone.
MAX_VALUE_BYTES = 254
_TYPES = (Type.EMAIL, Type.SMS, Type.WHATSAPP, Type.PUSH, Type.WEBPUSH, Type.WEBHOOK)
# Type; execution and workspace; contact and address; value. Short, as a link in an SMS costs by the letter.
_SEALED = struct.Struct(">BQ6s6s")
_WORKSPACE_BITS, _CONTACT_BITS, _CONTACT_BYTES = 24, 48, 12
_to_base64 = binascii.b2a_base64
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_MAX_LENGTH = 512
# Of links that were made before the address was in them.
_IDS = struct.Struct(">QQQ")
_SIGNATURE_BYTES = 12
_IDS_LENGTH = (_IDS.size + _SIGNATURE_BYTES) * 4 // 3


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """`execution_id` 0 is a test send. `value` is empty where the link names ids alone."""

    execution_id: int
    contact_id: int
    address_id: int
    workspace_id: int = 0
    type: str = ""
    value: str = ""


class Seal:
    """Makes the tokens of one execution."""

    def __init__(self, *, execution_id: int, workspace_id: int, type: str) -> None:
        self._encrypt = _cipher(settings.SECRET_KEY).encrypt
        place = execution_id << _WORKSPACE_BITS | workspace_id
        self._begin = bytes([_TYPES.index(Type(type)), *place.to_bytes(8)])

    def token(self, *, contact_id: int, address_id: int, value: str) -> str:
        """Some 76 characters for an email, safe in a URL and in a header. `value` is the address as it is kept."""
        kept = value.encode()
        if len(kept) > MAX_VALUE_BYTES:
            kept = b""
        plain = self._begin + (contact_id << _CONTACT_BITS | address_id).to_bytes(_CONTACT_BYTES) + kept
        return _as_text(self._encrypt(plain, None))


def unsubscribe_token(*, execution_id: int, contact_id: int, address_id: int) -> str:
    """Of a message to nobody: ids alone."""
    seal = Seal(execution_id=execution_id, workspace_id=0, type=Type.EMAIL)
    return seal.token(contact_id=contact_id, address_id=address_id, value="")


def read_token(token: str) -> Unsubscribing | None:
    """None for anything that `unsubscribe_token` did not make with this installation's secret, or an earlier one."""
    if not token.isascii() or len(token) > _MAX_LENGTH:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if _as_text(raw) != token:
        return None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        found = _read_ids(secret, raw) if len(token) == _IDS_LENGTH else None
        found = found or _opened(secret, raw)
        if found is not None:
            return found
    return None


def unsubscribe_url(token: str) -> str:
    """The confirm page, and the address of the one-click POST (RFC 8058)."""
    return f"{settings.BASE_URL}/u/{token}"


def preferences_url(token: str) -> str:
    return f"{settings.BASE_URL}/preferences/{token}"


def _as_text(sealed: bytes) -> str:
    """base64.urlsafe_b64encode does the same in two more calls."""
    return _to_base64(sealed, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


@cache
def _cipher(secret: str) -> AESSIV:
    return AESSIV(hashlib.blake2b(secret.encode(), person=b"unsubscribe link", digest_size=64).digest())


def _opened(secret: str, raw: bytes) -> Unsubscribing | None:
    try:
        plain = _cipher(secret).decrypt(raw, None)
    except (InvalidTag, ValueError):
        return None
    type, place, contact_id, address_id = _SEALED.unpack_from(plain)
    return Unsubscribing(
        execution_id=place >> _WORKSPACE_BITS,
        contact_id=int.from_bytes(contact_id),
        address_id=int.from_bytes(address_id),
        workspace_id=place & (1 << _WORKSPACE_BITS) - 1,
        type=_TYPES[type].value,
        value=plain[_SEALED.size :].decode(),
    )


def _read_ids(secret: str, raw: bytes) -> Unsubscribing | None:
    key = hashlib.blake2b(secret.encode(), person=b"unsubscribe", digest_size=32).digest()
    ids, signature = raw[: _IDS.size], raw[_IDS.size :]
    signed = hashlib.blake2b(ids, key=key, digest_size=_SIGNATURE_BYTES).digest()
    return Unsubscribing(*_IDS.unpack(ids)) if hmac.compare_digest(signature, signed) else None
