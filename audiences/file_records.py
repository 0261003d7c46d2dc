"""Reads contacts out of files, a record at a time, from any position that it reported before."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, Protocol

from audiences.bad_value import BadValue
from audiences.csv_columns import Columns, CsvRow, as_text
from audiences.files.csv_table import CsvTable, Row
from audiences.files.errors import UnusableFile
from audiences.files.json_lines import JsonLines
from audiences.files.lines import Lines
from audiences.files.parquet_table import ParquetTable
from audiences.files.streams import open_text

_SHOWN_OF_BROKEN = 1000


class Record(NamedTuple):
    """A line of the file (or several, where a quoted cell has line breaks): a `row`, or what is wrong with it.

    `line` counts from 1; in Parquet it is the row. `cells` is the original, of NDJSON one line as bytes; `columns` says
    where each address came from.
    """

    line: int
    cells: Sequence[Any]
    row: Any = None
    problem: BadValue | None = None
    columns: Sequence[str] = ()


class Source(Protocol):
    """`position` and `line` are where the next record begins.

    `consumed` is how much of the file that took, in bytes, and `weight` how much memory all records so far would fill.
    """

    @property
    def header(self) -> Sequence[str]: ...
    @property
    def position(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def consumed(self) -> int: ...
    @property
    def weight(self) -> int: ...
    def close(self) -> None: ...
    def records(self) -> Iterator[Record]: ...
    def column_of(self, field: str, columns: Sequence[str]) -> str: ...


class Table(Protocol):
    """A file of columns: rows of cells, which mean nothing yet."""

    names: Sequence[str]

    @property
    def position(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def consumed(self) -> int: ...
    def rows(self) -> Iterator[Row]: ...


class Meant(Protocol):
    """What a header means: how a row of cells becomes the row that is imported."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def steps(self) -> Sequence[Any]: ...
    def read(self, cells: Sequence[Any]) -> CsvRow: ...
    def read_values(self, values: Sequence[Any]) -> CsvRow: ...
    def column_of(self, field: str, columns: Sequence[str]) -> str: ...


Meaning = Callable[[Sequence[str], Mapping[str, Any]], Meant]


def _never_mind() -> None:
    """For who has no lease to keep."""


def open_table(file: BinaryIO, *, format: str, compression: str, encoding: str) -> CsvTable | ParquetTable:
    """At its first row. Raises UnusableFile."""
    if format == "parquet":
        return ParquetTable.open(file)
    return CsvTable.open(open_text(file, compression=compression, encoding=encoding), encoding)


def open_source(
    file: BinaryIO,
    *,
    format: str,
    compression: str = "",
    encoding: str = "utf-8",
    mapping: Mapping[str, Any],
    position: int = 0,
    line: int = 0,
    alive: Callable[[], None] = _never_mind,
    meaning: Meaning = Columns.of,
) -> Source:
    """`position` and `line` 0 begin at the start; `alive` is called now and then where reading takes long.

    Raises UnusableFile.
    """
    if format == "ndjson":
        text = open_text(file, compression=compression, encoding=encoding)
        text.alive = alive
        text.skip_to(position)
        return JsonSource(JsonLines(Lines(text, position, line), encoding))
    table = open_table(file, format=format, compression=compression, encoding=encoding)
    columns = meaning(table.names, mapping)
    if isinstance(table, ParquetTable):
        table.wanted = [columns.names[step.place] for step in columns.steps]
        table.position, table.line, table.alive = position, line, alive
    elif position:
        text = open_text(file, compression=compression, encoding=encoding)
        text.alive = alive
        text.skip_to(position)
        table.lines = Lines(text, position, line)
    return TableSource(table, columns)


@dataclass(slots=True)
class JsonSource:
    table: JsonLines
    header: Sequence[str] = ()

    @property
    def position(self) -> int:
        return self.table.position

    @property
    def line(self) -> int:
        return self.table.line

    @property
    def consumed(self) -> int:
        return self.table.consumed

    @property
    def weight(self) -> int:
        return self.table.position

    def close(self) -> None:
        """Nothing is held but the file."""

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        return field

    def records(self) -> Iterator[Record]:
        for line, raw, value, problem in self.table.rows():
            yield Record(line, (raw if problem is None else raw[:_SHOWN_OF_BROKEN],), value, problem)


@dataclass(slots=True)
class TableSource:
    table: CsvTable | ParquetTable
    columns: Meant

    @property
    def header(self) -> Sequence[str]:
        return self.columns.names

    @property
    def position(self) -> int:
        return self.table.position

    @property
    def line(self) -> int:
        return self.table.line

    @property
    def consumed(self) -> int:
        return self.table.consumed

    @property
    def weight(self) -> int:
        return self.table.weight

    def close(self) -> None:
        self.table.close()

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        return self.columns.column_of(field, columns)

    def records(self) -> Iterator[Record]:
        typed = isinstance(self.table, ParquetTable)
        read = self.columns.read_values if typed else self.columns.read
        for line, cells, problem in self.table.rows():
            if problem is None:
                try:
                    row, columns = read(cells)
                    yield Record(line, cells, row, None, columns)
                    continue
                except BadValue as found:
                    problem = found
            yield Record(line, cells, None, problem)


def texts_of(cells: Sequence[Any]) -> list[str]:
    """As they stand in the file of refused rows."""
    return ["" if cell is None else as_text(cell) for cell in cells]


__all__ = ["Meaning", "Record", "Source", "Table", "UnusableFile", "open_source", "open_table", "texts_of"]
