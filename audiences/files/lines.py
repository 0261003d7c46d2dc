"""The lines of a text as bytes, counted, so that reading can go on behind any of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from audiences.files.errors import UnusableFile
from audiences.files.streams import Text

MAX_LINE_BYTES = 1024 * 1024
MAX_EMPTY_LINES = 1_000_000
_SOUGHT_BYTES = 16 * 1024 * 1024
_SOUGHT_LINES = 200_000


class EndlessRecord(ValueError):
    """The lines of one record are longer than `MAX_LINE_BYTES` together."""


@dataclass(slots=True)
class Line:
    """`raw` is what is kept of a line; `length` what it takes, and `quotes` are counted in all of it."""

    raw: bytes
    length: int
    quotes: int


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
    _put_back: list[Line] = field(default_factory=list, repr=False)

    def next(self) -> bytes:
        """Empty at the end."""
        if self._put_back:
            return self._taken(self._put_back.pop())
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

    def _taken(self, one: Line) -> bytes:
        self.position += one.length
        self.line += 1
        self.quotes += one.quotes
        self.cut |= one.length > len(one.raw)
        self.last = one.raw
        return one.raw

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
        read: list[Line] = []
        size, quotes, start = 0, self.quotes, self.position
        while size < _SOUGHT_BYTES and len(read) < _SOUGHT_LINES:
            before, had = self.quotes, self.position
            raw = self.next()
            if not raw:
                break
            read.append(Line(raw, self.position - had, self.quotes - before))
            size = self.position - start
            if self.quotes % 2 == 0:
                return
        self._put_back += reversed(read)
        self.position, self.line, self.quotes = start, self.line - len(read), quotes


def refuse_emptiness(lines: int) -> None:
    if lines > MAX_EMPTY_LINES:
        raise UnusableFile(f"The file has more than {MAX_EMPTY_LINES:,} empty lines in a row.")
