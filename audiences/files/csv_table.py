"""Rows of a CSV file."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from audiences.bad_value import BadValue
from audiences.files.errors import UnusableFile
from audiences.files.lines import MAX_LINE_BYTES, EndlessRecord, Lines, refuse_emptiness
from audiences.files.streams import Text

DELIMITERS = (",", ";", "\t", "|")
MAX_COLUMNS = 1_000
SHOWN_OF_BROKEN = 1_000
_BOM = codecs.BOM_UTF8.decode()


class Row(NamedTuple):
    """`line` is where it begins, from 1; `cells` are texts, in Parquet values; `problem` says why it can't be read."""

    line: int
    cells: Sequence[Any]
    problem: BadValue | None


@dataclass(slots=True)
class CsvTable:
    lines: Lines
    names: Sequence[str]
    delimiter: str
    encoding: str

    @classmethod
    def open(cls, text: Text, encoding: str) -> "CsvTable":
        """The header is read, so that the first row is next. Raises UnusableFile."""
        lines = Lines(text)
        first = ""
        while not first.strip("\ufeff\r\n\t ") and (raw := lines.next()):
            first = raw.decode("utf-8", "surrogateescape")
            refuse_emptiness(lines.line)
        if not first.strip("\ufeff\r\n\t "):
            raise UnusableFile("The file is empty.")
        if lines.cut:
            raise _endless_header()
        delimiter = max(DELIMITERS, key=_outside_quotes(first).count)
        try:
            names = next(csv.reader(_continued(first.removeprefix(_BOM), lines), delimiter=delimiter))
        except EndlessRecord:
            raise _endless_header() from None
        except (csv.Error, StopIteration) as error:
            raise UnusableFile(_unreadable_header(first, error)) from None
        if lines.broken or not _is_text(first):
            raise UnusableFile(
                "The header is not in UTF-8; save the file as UTF-8, or say its encoding, as in encoding=windows-1252."
            )
        if len(names) > MAX_COLUMNS:
            raise UnusableFile(f"A file has at most {MAX_COLUMNS:,} columns; this has {len(names):,}.")
        refuse_nul(names)
        return cls(lines, [name.strip() for name in names], delimiter, encoding)

    @property
    def position(self) -> int:
        return self.lines.position

    @property
    def line(self) -> int:
        return self.lines.line

    @property
    def consumed(self) -> int:
        return self.lines.text.consumed(self.lines.position)

    @property
    def weight(self) -> int:
        return self.lines.position

    def close(self) -> None:
        """Nothing is held but the file."""

    def rows(self) -> Iterator[Row]:
        lines, empty = self.lines, 0
        reader = csv.reader(lines.texts(), delimiter=self.delimiter)
        while True:
            line = lines.line + 1
            lines.cut = lines.broken = False
            lines.quotes = lines.held = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except EndlessRecord:
                reader = csv.reader(lines.texts(), delimiter=self.delimiter)
                yield self._endless(line)
                continue
            except csv.Error as error:
                yield self._unreadable(line, error)
                continue
            if not any(cells):
                empty += 1
                refuse_emptiness(empty)
                continue
            empty = 0
            yield self._troubled(line, cells) if lines.cut or lines.broken else Row(line, cells, None)

    def _endless(self, line: int) -> Row:
        text = self.lines.last[:SHOWN_OF_BROKEN].decode("utf-8", "replace")
        if self.lines.quotes % 2:
            self.lines.close_quote()
        return Row(line, [text], too_long())

    def _unreadable(self, line: int, error: csv.Error) -> Row:
        text = self.lines.last[:SHOWN_OF_BROKEN].decode("utf-8", "replace")
        if "field larger" not in str(error):
            return Row(line, [text], BadValue("invalid_csv", f"The line can't be read: {error}."))
        if self.lines.quotes % 2:
            self.lines.close_quote()
        if self.lines.cut:
            return Row(line, [text], too_long())
        message = f"A cell has at most {csv.field_size_limit():,} characters; one of this line has more."
        return Row(line, [text], BadValue("invalid_csv", f"{message} Is a quote left open?"))

    def _troubled(self, line: int, cells: Sequence[str]) -> Row:
        if self.lines.cut:
            return Row(line, [readable(cell[:SHOWN_OF_BROKEN]) for cell in cells], too_long())
        return Row(line, [readable(cell) for cell in cells], not_in(self.encoding))


def _unreadable_header(first: str, error: Exception) -> str:
    if "\r" in first.rstrip("\r\n"):
        return "The lines end with a carriage return alone, as on old Macs; save the file as CSV UTF-8."
    return f"The header can't be read: {error or 'the file is empty'}."


def _endless_header() -> UnusableFile:
    return UnusableFile(f"The header is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB; is this a CSV file?")


def refuse_nul(names: Sequence[str]) -> None:
    if any("\0" in name for name in names):
        raise UnusableFile(
            "The name of a column has a NUL character; is this a text file? UTF-16 without a mark at its beginning is"
            " read with encoding=utf-16."
        )


def readable(text: str) -> str:
    """Lone surrogates, which stand for bytes that are no text, as question marks in a box."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def too_long() -> BadValue:
    return BadValue("too_long", f"The line is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB.")


def not_in(encoding: str) -> BadValue:
    return BadValue("invalid_utf8", f"The line is not in {encoding.upper()}.")


def _continued(first: str, lines: Lines) -> Iterator[str]:
    yield first
    yield from lines.texts()


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
