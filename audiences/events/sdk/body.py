"""Bodies as Segment's SDKs send them: JSON whatever the media type says, gzip with an inflate cap."""

import zlib
from typing import Any

import orjson

from common.errors import DomainError, TooLarge, Unreadable

MAX_BATCH_BYTES = 512 * 1024
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
        what = error.msg.rstrip(".")
        message = f"The body is not JSON that is read here: {what}, at line {error.lineno}, column {error.colno}."
        raise Unreadable(message) from None
    if not isinstance(found, dict):
        raise Unreadable("The body must be a JSON object: {…}.")
    return found
