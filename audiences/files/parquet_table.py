"""Rows of a Parquet file, read by a child process (`audiences.files.parquet_child`)."""

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from audiences.bad_value import BadValue, shown
from audiences.files.csv_table import Row, refuse_nul
from audiences.files.errors import UnusableFile
from audiences.files.streams import inflated_limit, refuse_rows, too_much_inflated

MEMORY_MEGABYTES = 768
"""What the child may use beyond what it began with."""
PATIENCE_SECONDS = 30.0
"""How long the child may say nothing; where it skips rows, it says so."""
_PIECE = 256 * 1024
_ROOT = Path(__file__).resolve().parents[2]
_TOO_LONG = BadValue("too_long", "The row is longer than 1 MiB.")


class Child:
    """The process, and its lines. Whoever reads it closes it."""

    def __init__(self, path: str, first: int, places: Sequence[int]) -> None:
        arguments = [str(MEMORY_MEGABYTES), path, str(first), *map(str, places)]
        command = [sys.executable, "-m", "audiences.files.parquet_child", *arguments]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=_ROOT, env=_ENV
        )

    def lines(self) -> Iterator[bytes]:
        """Without their ends. Raises UnusableFile when the child dies or falls silent."""
        waiting = b""
        while piece := self._read():
            whole, newline, rest = piece.rpartition(b"\n")
            if newline:
                yield from (waiting + whole).split(b"\n")
                waiting = rest
            else:
                waiting += piece
        if self._process.wait() != 0:
            raise UnusableFile(
                "Reading the Parquet file failed: it is damaged, or needs more memory than there is for a file."
                " Write it again, with smaller row groups."
            )

    def _read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        descriptor = self._process.stdout.fileno()
        if not select.select([descriptor], [], [], PATIENCE_SECONDS)[0]:
            raise UnusableFile(f"Reading the Parquet file gave no row for {PATIENCE_SECONDS:g} seconds.")
        return os.read(descriptor, _PIECE)

    def close(self) -> None:
        self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()


_ENV = {
    **{name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ", "TZDIR") if name in os.environ},
    "PYTHONUTF8": "1",
    "PYTHONPATH": str(_ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


@dataclass(slots=True)
class ParquetTable:
    """`position` and `line` count rows. `weight` is the size of the rows as text, which has a limit like gzip's."""

    path: str
    size: int
    names: Sequence[str]
    kinds: Sequence[str]
    total: int
    wanted: Sequence[str] = ()
    position: int = 0
    line: int = 0
    weight: int = 0
    alive: Callable[[], None] = lambda: None
    _child: Child | None = field(default=None, repr=False)

    @classmethod
    def open(cls, file: BinaryIO) -> "ParquetTable":
        path = str(file.name)
        child = Child(path, 0, ())
        try:
            about = _checked(orjson.loads(next(child.lines(), b"{}")))
        finally:
            child.close()
        names = [name.strip() for name in about["names"]]
        refuse_nul(names)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UnusableFile(f"The file has several columns {shown(twice)}; give each a name of its own.")
        size = os.fstat(file.fileno()).st_size
        refuse_rows(about["rows"], size)
        return cls(path, size, names, about["kinds"], about["rows"])

    @property
    def consumed(self) -> int:
        return self.size * self.position // self.total if self.total else self.size

    def rows(self) -> Iterator[Row]:
        """Cells are values, None for each column that is not wanted."""
        wanted = set(self.wanted)
        places = [place for place, name in enumerate(self.names) if name in wanted]
        limit, blank = inflated_limit(self.size), [None] * len(self.names)
        self._child = Child(self.path, self.position, places)
        try:
            lines = self._child.lines()
            _checked(orjson.loads(next(lines, b"{}")))
            for line in lines:
                if not line:
                    self.alive()
                    continue
                self.weight += len(line)
                if self.weight > limit:
                    raise too_much_inflated(self.size)
                self.position += 1
                self.line += 1
                yield self._row(orjson.loads(line), places, blank)
        finally:
            self.close()

    def _row(self, found: Any, places: Sequence[int], blank: Sequence[None]) -> Row:
        cells: list[Any] = list(blank)
        if isinstance(found, dict):
            _checked(found)
        if isinstance(found, str):
            problem = _TOO_LONG if found == "too_long" else BadValue("unreadable", f"The row can't be read: {found}.")
            return Row(self.line, cells, problem)
        for place, value in zip(places, found, strict=True):
            cells[place] = value
        return Row(self.line, cells, None)

    def close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def _checked(found: Any) -> Any:
    if "error" in found or not found:
        raise UnusableFile(f"The Parquet file can't be read: {found.get('error', 'it is damaged')}.")
    return found
