"""A contact's attributes: what may be in them, and how new ones are merged in."""

import math
from typing import Any

import orjson

from audiences.bad_value import BadValue, shown

MAX_ATTRIBUTES = 500
MAX_NAME_LENGTH = 100
MAX_DEPTH = 8
MAX_BYTES = 64 * 1024

Attributes = dict[str, Any]


def parse_attributes(value: object) -> Attributes:
    """The attributes as given (nulls included: they delete); BadValue when they can't be kept."""
    return parse_packed(value)[0]


def parse_packed(value: object) -> tuple[Attributes, bytes]:
    """And as canonical JSON, as `packed` makes it."""
    if not isinstance(value, dict):
        raise BadValue("wrong_type", "attributes must be an object.")
    for name, one in value.items():
        _check_name(name)
        if type(one) is dict or type(one) is list:
            _check_nesting(one, name, 2)
        elif type(one) is float and not math.isfinite(one):
            raise BadValue("invalid_number", f"Attribute {shown(name)} is not a finite number.")
    return value, packed(value)


def merged(kept: Attributes, given: Attributes, mode: str) -> Attributes:
    """What the contact has afterwards: `replace` forgets what is not given, null deletes."""
    result = {} if mode == "replace" else dict(kept)
    for name, one in given.items():
        if one is None:
            result.pop(name, None)
        else:
            result[name] = one
    return result


def packed(attributes: Attributes) -> bytes:
    """Canonical JSON; BadValue when it is too large or holds what PostgreSQL's jsonb can't."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise BadValue("too_many", f"A contact has at most {MAX_ATTRIBUTES} attributes; this has {len(attributes)}.")
    try:
        text = orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise _unpackable(error) from None
    if len(text) > MAX_BYTES:
        raise BadValue("too_large", f"Attributes have at most {MAX_BYTES} bytes as JSON; these have {len(text)}.")
    if b"\\u0000" in text and _has_nul(attributes):
        raise BadValue("nul", "attributes contain a NUL character.")
    return text


def _unpackable(error: TypeError) -> BadValue:
    if "64-bit" in str(error):
        return BadValue("out_of_range", "attributes contain an integer beyond 64 bits; give it as a string.")
    return BadValue("invalid_text", "attributes contain something that is not JSON text.")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise BadValue("invalid_name", "The name of an attribute can't be empty.")
    if len(name) > MAX_NAME_LENGTH:
        raise BadValue(
            "too_long", f"The name of an attribute has at most {MAX_NAME_LENGTH} characters; {shown(name)} has more."
        )


def _check_nesting(value: object, name: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadValue("too_deep", f"Attribute {shown(name)} is nested deeper than {MAX_DEPTH}.")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in children:
        if isinstance(one, dict | list):
            _check_nesting(one, name, depth + 1)
        elif isinstance(one, float) and not math.isfinite(one):
            raise BadValue("invalid_number", f"Attribute {shown(name)} holds no finite number.")


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(one) for key, one in value.items())
    if isinstance(value, list):
        return any(_has_nul(one) for one in value)
    return False
