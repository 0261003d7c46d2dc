"""Bodies as Segment's SDKs send them: JSON whatever the media type says, gzip with an inflate cap."""

import json
import math
import zlib
from typing import Any, Final

import orjson

from audiences.events.content import deeper_than
from common.errors import DomainError, TooLarge, Unreadable

MAX_BATCH_BYTES = 500 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class UnknownEncoding(DomainError):
    status, code, title = 415, "unsupported_media_type", "The body has an encoding that is not read here."


def read_body(raw: bytes, encoding: str) -> dict[str, Any]:
    """`raw` is at most one byte longer than the limit. Raises Unreadable, TooLarge or UnknownEncoding."""
    if len(raw) > MAX_BATCH_BYTES:
        raise too_large()
    encoding = encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        raw = inflate(raw)
    elif encoding not in ("", "identity"):
        raise UnknownEncoding(f"Content-Encoding is {encoding[:40]!r}; send gzip, or nothing.")
    return _parse(raw)


def inflate(raw: bytes) -> bytes:
    """Stops at the limit, whatever the stream would grow to."""
    stream = zlib.decompressobj(_GZIP)
    try:
        found = stream.decompress(raw, MAX_BATCH_BYTES + 1)
    except zlib.error:
        raise Unreadable("Content-Encoding is gzip, but the body is not.") from None
    if len(found) > MAX_BATCH_BYTES:
        raise too_large()
    if not stream.eof:
        raise Unreadable("The gzip body ends in the middle.")
    return found


def too_large() -> TooLarge:
    return TooLarge(f"A batch has at most {MAX_BATCH_BYTES // 1024} KB, before and after inflating. Send smaller ones.")


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        found = _forgiving(raw, error)
    if not isinstance(found, dict):
        raise Unreadable("The body must be a JSON object: {…}.")
    return found


class NotJson:
    """Stands for a number that JSON can't tell: whoever judges the message that holds it refuses it."""


NO_NUMBER: Final = NotJson()
# As the quick parser, which reads whole numbers beyond 64 bits as floats, and no deeper.
_DIGITS = 20
_LEVELS = 1000


def _forgiving(raw: bytes, error: orjson.JSONDecodeError) -> Any:
    """Reads on past what one message alone is to blame for: half a surrogate pair, as a text cut within an emoji has
    it, bytes that are no UTF-8, NaN, a number beyond all bounds. Raises Unreadable where it is no JSON at all."""
    text = raw.decode(errors="surrogateescape").removeprefix("\N{BYTE ORDER MARK}")
    try:
        found = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=lambda _: NO_NUMBER)
    except (ValueError, RecursionError):
        raise _unreadable(error) from None
    if isinstance(found, dict) and deeper_than(found, _LEVELS):
        raise _unreadable(error)
    return found


def _unreadable(error: orjson.JSONDecodeError) -> Unreadable:
    what = error.msg.rstrip(".")
    return Unreadable(f"The body is not JSON that is read here: {what}, at line {error.lineno}, column {error.colno}.")


def _whole(text: str) -> int | float | NotJson:
    if len(text) <= _DIGITS and -(2**63) <= (found := int(text)) < 2**64:
        return found
    return _finite(text)


def _finite(text: str) -> float | NotJson:
    found = float(text)
    return found if math.isfinite(found) else NO_NUMBER
