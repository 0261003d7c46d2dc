"""Reads JSON bodies, and refuses what PostgreSQL or our own code could choke on later."""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from common.errors import TooLarge, Unreadable

DEPTH_LIMIT = 32
ITEMS_DEPTH_LIMIT = 240  # what can still be written as JSON, to be hashed
_LARGEST = (19, b"9223372036854775807")
_DIGITS = bytes(ord("9") if chr(byte).isdigit() and byte < 128 else 0 for byte in range(256))
_LONG = b"9" * 19
# May also be met inside of a string; the slow reading tells.
_LONG_NUMBER = re.compile(rb"(?<![0-9.])(-?[0-9]{19,})(?![0-9.eE])")
# In valid JSON an odd number of backslashes makes an escape.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class StrictJSONParser(BaseParser):
    """A JSON object of at most 16 MiB, in UTF-8. Raises `Unreadable` or `TooLarge`; no body is an empty object."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return read_object(read_limited(stream))


class ItemsJSONParser(StrictJSONParser):
    """Of lists whose items are judged one by one: one that is too deep, or holds a NUL, is not refused here."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return read_object(read_limited(stream), items=True)


def read_limited(stream: IO[Any]) -> bytes:
    """The whole body. What is beyond the limit is refused without being kept, whatever Content-Length said."""
    limit: int = settings.MAX_BODY_BYTES
    raw: bytes = stream.read(limit + 1)
    if len(raw) > limit:
        raise too_large()
    return raw


def too_large() -> TooLarge:
    limit = settings.MAX_BODY_BYTES // (1024 * 1024)
    return TooLarge(f"A body has at most {limit} MiB. Send the rest in further requests, or upload a file.")


def read_object(raw: bytes, *, items: bool = False) -> dict[str, Any]:
    """Parses a body whose top level is an object. Of a key given twice, the last one counts.

    With `items`, whoever judges them refuses NUL and all but the deepest nesting.
    """
    if not raw.strip():
        return {}
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_explain(raw, error)) from None
    if not isinstance(found, dict):
        raise Unreadable(f"The body is {_name(found)}, at line 1, column 1; it must be a JSON object: {{…}}.")
    _refuse_depth(found, ITEMS_DEPTH_LIMIT if items else DEPTH_LIMIT)
    if not items:
        _refuse_nul(raw)
    _refuse_long_integers(raw)
    return found


def _explain(raw: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        return f"The body is not valid UTF-8: byte 0x{raw[broken.start]:02x} {_place(raw, broken.start)}."
    what = error.msg.rstrip(".")
    if "depth" in what:
        return f"The body is nested deeper than {DEPTH_LIMIT} levels, at line {error.lineno}, column {error.colno}."
    return f"The body is not valid JSON: {what}, at line {error.lineno}, column {error.colno}."


def _place(raw: bytes, position: int) -> str:
    """Where a byte is: lines and columns count from 1, columns in characters."""
    before = raw[:position]
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode(errors="replace")) + 1
    return f"at line {before.count(b'\n') + 1}, column {column}"


def _name(found: object) -> str:
    if isinstance(found, list):
        return "an array"
    return "null" if found is None else f"a {type(found).__name__}"


def _refuse_depth(found: dict[str, Any], limit: int) -> None:
    level: list[Any] = [found]
    nested = (dict, list)
    for _ in range(limit):
        level = [child for node in level for child in _children(node) if type(child) in nested]
        if not level:
            return
    raise Unreadable(f"The body is nested deeper than {limit} levels; flatten it.")


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node


def _refuse_nul(raw: bytes) -> None:
    if b"\\u0000" in raw and (found := _NUL.search(raw)):
        where = _place(raw, found.end() - len(b"\\u0000"))
        raise Unreadable(f"The body holds a NUL character (\\u0000), {where}; text can't contain it.")


def _refuse_long_integers(raw: bytes) -> None:
    """Beyond 64 bits the parser would round to a float in silence."""
    # The search for 19 digits in a row is many times quicker than the expression.
    if _LONG not in raw.translate(_DIGITS):
        return
    if any(_is_too_long(found[1]) for found in _LONG_NUMBER.finditer(raw)):
        json.loads(raw, parse_int=partial(_checked_integer, raw))


def _checked_integer(raw: bytes, text: str) -> int:
    if _is_too_long(text.encode()):
        where = _place(raw, raw.find(text.encode()))
        raise Unreadable(f"The whole number {where} does not fit in 64 bits; send it as a string.")
    return 0


def _is_too_long(number: bytes) -> bool:
    """Compares digits as text: turning thousands of them into a number is slow."""
    digits = number.lstrip(b"-")
    return (len(digits), digits) > _LARGEST
