"""Reads JSON bodies, and refuses what PostgreSQL or our own code could choke on later."""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from common.errors import TooLarge, Unreadable

DEPTH_LIMIT = 32
INTEGER_LIMIT = 2**63 - 1
_LONG_NUMBER = re.compile(rb"-?[0-9]{19,}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class StrictJSONParser(BaseParser):
    """A JSON object of at most 16 MiB, in UTF-8. Raises `Unreadable` or `TooLarge`; no body is an empty object."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return read_object(read_limited(stream))


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


def read_object(raw: bytes) -> dict[str, Any]:
    """Parses a body whose top level is an object. Of a key given twice, the last one counts."""
    if not raw.strip():
        return {}
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_explain(raw, error)) from None
    if not isinstance(found, dict):
        raise Unreadable(f"The body is {_name(found)}, at line 1, column 1; it must be a JSON object: {{…}}.")
    _refuse_depth(found)
    _refuse_nul(raw, found)
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


def _refuse_depth(found: dict[str, Any]) -> None:
    level: list[Any] = [found]
    for _ in range(DEPTH_LIMIT):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return
    raise Unreadable(f"The body is nested deeper than {DEPTH_LIMIT} levels; flatten it.")


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node


def _refuse_nul(raw: bytes, found: dict[str, Any]) -> None:
    """A NUL can only come as `\\u0000`; the quick search also meets an escaped backslash before `u0000`."""
    position = raw.find(b"\\u0000")
    if position >= 0 and any("\0" in text for text in _texts(found)):
        raise Unreadable(f"The body holds a NUL character (\\u0000), {_place(raw, position)}; text can't contain it.")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        yield from node
    if isinstance(node, dict | list):
        for child in _children(node):
            yield from _texts(child)


def _refuse_long_integers(raw: bytes) -> None:
    """Beyond 64 bits the parser would round to a float in silence."""
    if not _LONG_NUMBER.search(raw):
        return
    blanked = _STRING.sub(lambda found: b" " * len(found.group()), raw)
    for found in _LONG_NUMBER.finditer(blanked):
        follows = blanked[found.end() : found.end() + 1]
        precedes = blanked[max(found.start() - 1, 0) : found.start()]
        if follows not in (b".", b"e", b"E") and precedes != b"." and abs(int(found.group()[:40])) > INTEGER_LIMIT:
            where = _place(raw, found.start())
            raise Unreadable(f"The whole number {where} does not fit in 64 bits; send it as a string.")
