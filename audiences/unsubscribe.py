"""The tokens in unsubscribe links: which delivery a click belongs to, signed so that nobody can forge one.

One is made for every email that is sent, hence a keyed BLAKE2b, which takes about a microsecond.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from functools import cache

from django.conf import settings

_IDS = struct.Struct(">QQQ")
_SIGNATURE_BYTES = 12
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_TOKEN_LENGTH = (_IDS.size + _SIGNATURE_BYTES) * 4 // 3


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """`execution_id` 0 is a test send."""

    execution_id: int
    contact_id: int
    address_id: int


@cache
def _key() -> bytes:
    return hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"unsubscribe", digest_size=32).digest()


@cache
def _keyed() -> "hashlib.blake2b":
    return hashlib.blake2b(key=_key(), digest_size=_SIGNATURE_BYTES)


def _signature(ids: bytes) -> bytes:
    signature = _keyed().copy()
    signature.update(ids)
    return signature.digest()


def unsubscribe_token(*, execution_id: int, contact_id: int, address_id: int) -> str:
    """48 characters that are safe in a URL and in a header."""
    ids = _IDS.pack(execution_id, contact_id, address_id)
    # base64.urlsafe_b64encode does the same in two more calls.
    return binascii.b2a_base64(ids + _signature(ids), newline=False).translate(_URL_SAFE).decode()


def read_token(token: str) -> Unsubscribing | None:
    """None for anything that `unsubscribe_token` did not make with this installation's secret."""
    if len(token) != _TOKEN_LENGTH:
        return None
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    ids, signature = raw[: _IDS.size], raw[_IDS.size :]
    if not hmac.compare_digest(signature, _signature(ids)):
        return None
    return Unsubscribing(*_IDS.unpack(ids))


def unsubscribe_url(token: str) -> str:
    """The confirm page, and the address of the one-click POST (RFC 8058)."""
    return f"{settings.BASE_URL}/u/{token}"


def preferences_url(token: str) -> str:
    return f"{settings.BASE_URL}/preferences/{token}"
