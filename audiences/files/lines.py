"""The lines of a text as bytes, counted, so that reading can go on behind any of them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from audiences.files.errors import UnusableFile
from audiences.files.streams import Text

MAX_LINE_BYTES = 1024 * 1024
MAX_EMPTY_LINES = 1_000_000
_SOUGHT_BYTES = 16 * 1024 * 1024


class EndlessRecord(ValueError):
    """The lines of one record are longer than `MAX_LINE_BYTES` together."""


@dataclass(slots=True)
class _Ahead:
    """Lines that were read and put back, in one piece: a line of a byte then takes a byte. Of those that were `cut`,
    by where they begin: what they take, and the quotes in all of them."""

    kept: io.BytesIO = field(default_factory=io.BytesIO)
    cut: dict[int, tuple[int, int]] = field(default_factory=dict)

    def next(self) -> tuple[bytes, int, int]:
        """A line, what it takes, and its quotes; an empty one at the end."""
        begin = self.kept.tell()
        raw = self.kept.readline(MAX_LINE_BYTES)
        length, quotes = self.cut.get(begin) or (len(raw), raw.count(b'"'))
        return raw, length, quotes

    def append(self, raw: bytes, length: int, quotes: int) -> None:
        if length > len(raw):
            self.cut[self.kept.tell()] = length, quotes
        self.kept.write(raw)

    def rewind(self, rest: "_Ahead | None") -> "_Ahead":
        """To be read, before the `rest` of what was put back earlier."""
        while rest and (line := rest.next())[0]:
            self.append(*line)
        self.kept.seek(0)
        return self


@dataclass(slots=True)
class Lines:
    """`position` and `line` are where the next line begins.

    What is beyond a line's limit is dropped, and `cut` says so; `broken` says that a line was no UTF-8, `quotes` how
    many quotes there were, `held` how many bytes were kept. These four are reset by who reads records.
    """

    text: Text
    position: int = 0
    line: int = 0
    cut: bool = False
    broken: bool = False
    quotes: int = 0
    held: int = 0
    last: bytes = field(default=b"", repr=False)
    _ahead: _Ahead | None = field(default=None, repr=False)

    def next(self) -> bytes:
        """Empty at the end."""
        if self._ahead is not None:
            line = self._ahead.next()
            if line[0]:
                return self._taken(*line)
            self._ahead = None
        raw: bytes = self.text.reader.readline(MAX_LINE_BYTES)
        length = len(raw)
        self.quotes += raw.count(b'"')
        if length == MAX_LINE_BYTES and raw[-1] != 10:
            self.cut = True
            skipped, quotes = self._skip()
            length += skipped
            self.quotes += quotes
        self.position += length
        self.line += 1 if raw else 0
        self.last = raw
        return raw

    def _taken(self, raw: bytes, length: int, quotes: int) -> bytes:
        self.position += length
        self.line += 1
        self.quotes += quotes
        self.cut |= length > len(raw)
        self.last = raw
        return raw

    def _skip(self) -> tuple[int, int]:
        length = quotes = 0
        while part := self.text.reader.readline(MAX_LINE_BYTES):
            self.text.alive()
            length += len(part)
            quotes += part.count(b'"')
            if part[-1] == 10:
                break
        return length, quotes

    def texts(self) -> Iterator[str]:
        """For the csv module. Bytes that are no UTF-8 become lone surrogates.

        Raises EndlessRecord: each cell of a record may be short, and have a line break in it.
        """
        while raw := self.next():
            self.held += len(raw)
            if self.held > MAX_LINE_BYTES:
                raise EndlessRecord
            try:
                yield raw.decode()
            except UnicodeDecodeError:
                self.broken = True
                yield raw.decode("utf-8", "surrogateescape")

    def close_quote(self) -> None:
        """Reads on to the line that closes an open quote, if that comes soon; else nothing has been read."""
        read, quotes, start, line = _Ahead(), self.quotes, self.position, self.line
        while self.position - start < _SOUGHT_BYTES:
            before, had = self.quotes, self.position
            raw = self.next()
            if not raw:
                break
            read.append(raw, self.position - had, self.quotes - before)
            if self.quotes % 2 == 0:
                return
            self.text.alive()
        self._ahead = read.rewind(self._ahead)
        self.position, self.line, self.quotes = start, line, quotes


def refuse_emptiness(lines: int) -> None:
    if lines > MAX_EMPTY_LINES:
        raise UnusableFile(f"The file has more than {MAX_EMPTY_LINES:,} empty lines in a row.")
