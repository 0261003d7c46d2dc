"""What an event carries: names, properties and times, judged. Pure: knows no database."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from audiences.bad_value import BadValue, clean_text, shown

MAX_BYTES = 32 * 1024
MAX_DEPTH = 16
NAME_LENGTH = 200
ID_LENGTH = 255
AHEAD = timedelta(minutes=10)


def parse_name(value: object) -> str:
    """The event's name, surrounding white space removed."""
    if value is None:
        raise BadValue("required", "An event needs a name.", field="name")
    name = _in_field("name", value, NAME_LENGTH).strip()
    if not name:
        raise BadValue("required", "The name of an event can't be empty.", field="name")
    return name


def parse_id(value: object, *, field: str) -> str | None:
    """An id of the caller's own: text, or a whole number, which becomes text. None and the empty string: not given."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _in_field(field, value, ID_LENGTH)


def _in_field(field: str, value: object, limit: int) -> str:
    try:
        return clean_text(value, name=field, limit=limit)
    except BadValue as error:
        error.field = field
        raise


def parse_properties(value: object, *, field: str = "properties", limit: int = MAX_BYTES) -> str:
    """The object as the JSON that is kept, at most `limit` bytes of UTF-8; null is an empty object."""
    if value is None:
        return "{}"
    if not isinstance(value, dict):
        raise BadValue("wrong_type", f"{field} must be an object.", field=field)
    refuse_depth(value, field=field)
    text = _packed(value, field)
    if len(text) > limit:
        message = f"{field} has at most {limit:,} bytes as JSON; this has {len(text):,}."
        raise BadValue("too_large", message, field=field)
    if b"\\u0000" in text and _has_nul(value):
        raise BadValue("nul", f"{field} contains a NUL character.", field=field)
    return text.decode()


def refuse_depth(value: Any, *, field: str) -> None:
    if deeper_than(value, MAX_DEPTH):
        raise BadValue("too_deep", f"{field} is nested deeper than {MAX_DEPTH} levels; flatten it.", field=field)


def deeper_than(value: Any, levels: int) -> bool:
    """Level by level, so that no nesting is too deep to be told. `value` is an object or an array."""
    level = [value]
    for _ in range(levels):
        level = [child for node in level for child in _children(node) if type(child) in (dict, list)]
        if not level:
            return False
    return True


def _children(node: Any) -> Any:
    return node.values() if type(node) is dict else node


def _packed(value: dict[str, Any], field: str) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:
        if "64-bit" in str(error):
            message = f"{field} contains an integer beyond 64 bits; give it as a string."
            raise BadValue("out_of_range", message, field=field) from None
        what = "half of a surrogate pair, bytes that are no UTF-8, or a number that is none"
        raise BadValue("invalid_text", f"{field} contains what JSON can't hold: {what}.", field=field) from None


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(one) for key, one in value.items())
    return isinstance(value, list) and any(_has_nul(one) for one in value)


def refuse_time(at: datetime, *, now: datetime, kept: timedelta, field: str = "at") -> None:
    """An event is at most ten minutes ahead of our clock, and not older than events are kept."""
    if at > now + AHEAD:
        message = f"{shown(at.isoformat())} is in the future: more than 10 minutes ahead of {now:%Y-%m-%dT%H:%M:%SZ}."
        raise BadValue("in_the_future", message, field=field)
    if at < now - kept:
        message = f"{shown(at.isoformat())} is too long ago: events are kept for {kept.days} days."
        raise BadValue("too_old", message, field=field)


def message_key(*, app_id: int | None, message_id: str) -> UUID:
    """What makes an event the same one again: its message id, among those of its app or of the workspace's servers."""
    named = f"{app_id or 0}\0{message_id}".encode("utf-8", "surrogatepass")
    return UUID(bytes=hashlib.blake2b(named, digest_size=16).digest())
