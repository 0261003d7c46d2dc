"""Rows of an NDJSON file: contacts as the API takes them."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from audiences.bad_value import BadValue
from audiences.files.csv_table import not_in, too_long
from audiences.files.lines import Lines, refuse_emptiness
from audiences.json_text import parse_json


class JsonRow(NamedTuple):
    line: int
    raw: bytes
    value: Any
    problem: BadValue | None


@dataclass(slots=True)
class JsonLines:
    lines: Lines
    encoding: str
    names: Sequence[str] = ()

    @property
    def position(self) -> int:
        return self.lines.position

    @property
    def line(self) -> int:
        return self.lines.line

    @property
    def consumed(self) -> int:
        return self.lines.text.consumed(self.lines.position)

    def rows(self) -> Iterator[JsonRow]:
        lines, empty = self.lines, 0
        while raw := lines.next():
            if raw.isspace():
                empty += 1
                refuse_emptiness(empty)
                continue
            empty = 0
            if lines.line == 1:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            yield self._row(raw)
            lines.cut = False

    def _row(self, raw: bytes) -> JsonRow:
        line = self.lines.line
        if self.lines.cut:
            return JsonRow(line, raw, None, too_long())
        try:
            return JsonRow(line, raw, parse_json(raw), None)
        except ValueError as error:
            return JsonRow(line, raw, None, self._unreadable(raw, error))

    def _unreadable(self, raw: bytes, error: ValueError) -> BadValue:
        try:
            raw.decode()
        except UnicodeDecodeError:
            return not_in(self.encoding)
        return BadValue("invalid_json", f"The line is not JSON: {error}.")
