"""Reads contacts out of CSV and NDJSON files, a record at a time, from any position that it reported before."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from audiences.bad_value import BadValue
from audiences.csv_columns import Columns, UnusableFile
from audiences.json_text import parse_json

MAX_LINE_BYTES = 1024 * 1024
DELIMITERS = (",", ";", "\t")
_SHOWN_OF_BROKEN = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the file (or several, where a quoted cell has line breaks): a `row`, or what is wrong with it.

    `line` counts from 1. `cells` is the original; `columns` says where each address came from (CSV).
    """

    line: int
    cells: Sequence[str]
    row: Any = None
    problem: BadValue | None = None
    columns: Sequence[str] = ()


class Source(Protocol):
    """`position` and `line` are where the next record begins."""

    @property
    def header(self) -> Sequence[str]: ...
    @property
    def position(self) -> int: ...
    @property
    def line(self) -> int: ...
    def records(self) -> Iterator[Record]: ...
    def column_of(self, field: str, columns: Sequence[str]) -> str: ...


@dataclass(slots=True)
class Lines:
    """The lines of a file as bytes, counted; what is beyond the limit is dropped, and `cut` says so."""

    file: BinaryIO
    position: int
    line: int
    cut: bool = False
    last: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.file.seek(self.position)

    def next(self) -> bytes:
        raw = self.file.readline(MAX_LINE_BYTES)
        if not raw:
            raise StopIteration
        self.position += len(raw)
        self.line += 1
        self.last = raw
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            self.cut = True
            self._skip()
        return raw

    def _skip(self) -> None:
        while part := self.file.readline(MAX_LINE_BYTES):
            self.position += len(part)
            if part.endswith(b"\n"):
                return

    def texts(self) -> Iterator[str]:
        """Bytes that are no UTF-8 become lone surrogates, by which the record is known as broken."""
        while True:
            try:
                yield self.next().decode("utf-8", "surrogateescape")
            except StopIteration:
                return


def open_source(file: BinaryIO, *, format: str, mapping: Mapping[str, str], position: int, line: int) -> Source:
    """`position` and `line` 0 begin at the start. Raises UnusableFile."""
    file.seek(0)
    start = file.read(4)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise UnusableFile("The file is in UTF-16; save it as UTF-8.")
    begin = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
    if not start[begin:]:
        raise UnusableFile("The file is empty.")
    if format == "csv":
        return CsvSource.open(file, mapping, begin, position, line)
    return NdjsonSource(Lines(file, max(begin, position), line))


@dataclass(slots=True)
class NdjsonSource:
    lines: Lines
    header: Sequence[str] = ()

    @property
    def position(self) -> int:
        return self.lines.position

    @property
    def line(self) -> int:
        return self.lines.line

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        return field

    def records(self) -> Iterator[Record]:
        while True:
            self.lines.cut = False
            try:
                raw = self.lines.next()
            except StopIteration:
                return
            if raw.strip():
                yield self._record(raw)

    def _record(self, raw: bytes) -> Record:
        problem: BadValue | None = None
        row: Any = None
        if self.lines.cut:
            problem = _too_long()
        else:
            try:
                row = parse_json(raw)
            except ValueError as error:
                problem = _unreadable_json(raw, error)
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        return Record(self.lines.line, [text if row is not None else text[:_SHOWN_OF_BROKEN]], row, problem)


@dataclass(slots=True)
class CsvSource:
    lines: Lines
    columns: Columns
    delimiter: str

    @classmethod
    def open(cls, file: BinaryIO, mapping: Mapping[str, str], begin: int, position: int, line: int) -> "CsvSource":
        lines = Lines(file, begin, 0)
        first = lines.next().decode("utf-8", "surrogateescape")
        delimiter = max(DELIMITERS, key=_outside_quotes(first).count)
        lines = Lines(file, begin, 0)
        try:
            header = next(csv.reader(lines.texts(), delimiter=delimiter))
        except (csv.Error, StopIteration) as error:
            raise UnusableFile(f"The header can't be read: {error}.") from None
        if not all(map(_is_text, header)):
            raise UnusableFile("The header is not in UTF-8; save the file as UTF-8.")
        columns = Columns.of(header, mapping)
        return cls(Lines(file, position, line) if position else lines, columns, delimiter)

    @property
    def header(self) -> Sequence[str]:
        return self.columns.names

    @property
    def position(self) -> int:
        return self.lines.position

    @property
    def line(self) -> int:
        return self.lines.line

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        return self.columns.column_of(field, columns)

    def records(self) -> Iterator[Record]:
        reader = csv.reader(self.lines.texts(), delimiter=self.delimiter)
        while True:
            line = self.lines.line + 1
            self.lines.cut = False
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                text = self.lines.last[:_SHOWN_OF_BROKEN].decode("utf-8", "replace")
                yield Record(line, [text], problem=BadValue("invalid_csv", f"The line can't be read: {error}."))
                continue
            if any(cells):
                yield self._record(line, cells)

    def _record(self, line: int, cells: Sequence[str]) -> Record:
        if self.lines.cut:
            return Record(line, [cell[:_SHOWN_OF_BROKEN] for cell in cells], problem=_too_long())
        if not all(map(_is_text, cells)):
            readable = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for cell in cells]
            return Record(line, readable, problem=BadValue("invalid_utf8", "The line is not in UTF-8."))
        try:
            found = self.columns.read(cells)
        except BadValue as problem:
            return Record(line, cells, problem=problem)
        return Record(line, cells, found.row, columns=found.columns)


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _is_text(cell: str) -> bool:
    if cell.isascii():
        return True
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_long() -> BadValue:
    return BadValue("too_long", f"The line is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB.")


def _unreadable_json(raw: bytes, error: ValueError) -> BadValue:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return BadValue("invalid_utf8", "The line is not in UTF-8.")
    return BadValue("invalid_json", f"The line is not JSON: {error}.")
