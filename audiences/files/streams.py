"""Files as UTF-8 text, whatever they are in: inflated and transcoded as they are read, in little memory."""

import codecs
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from audiences.files.errors import UnusableFile

_PIECE = 64 * 1024
_BUFFER = 256 * 1024
_SKIPPED_AT_ONCE = 1024 * 1024
_EMPTY_MEMBERS = 1_000
FREELY_INFLATED = 64 * 1024 * 1024
INFLATED_TIMES = 100
FREE_ROWS = 2_000_000
MOST_INFLATED = 64 * 1024**3

ENCODINGS = ("utf-8", "utf-16", "windows-1252", "windows-1250", "windows-1251")


def inflated_limit(file_bytes: int) -> int:
    """How many bytes may come of a compressed file: contacts compress to a tenth, a bomb to a thousandth."""
    return min(FREELY_INFLATED + INFLATED_TIMES * file_bytes, MOST_INFLATED)


def too_much_inflated(file_bytes: int) -> UnusableFile:
    return UnusableFile(
        f"The file of {file_bytes:,} bytes holds more than {inflated_limit(file_bytes):,} when it is unpacked, which no"
        f" file of contacts does. If it is one, upload it without compression."
    )


def refuse_rows(rows: int, file_bytes: int) -> None:
    """Of a compressed file: a person takes a byte of it at least, also beside others who are much alike."""
    limit = FREE_ROWS + file_bytes
    if rows > limit:
        raise UnusableFile(
            f"The file of {file_bytes:,} bytes holds more than {limit:,} rows when it is unpacked, which no file of"
            " contacts does. If it is one, upload it without compression."
        )


@dataclass(slots=True)
class Text:
    """What lines are read from. Positions are counted by who reads; here is only how to get to one.

    `alive` is called now and then where reading takes long.
    """

    file: BinaryIO
    reader: Any
    straight: bool
    alive: Callable[[], None] = lambda: None

    def consumed(self, position: int) -> int:
        """How many bytes of the file the text up to `position` took, roughly where it is compressed."""
        return position if self.straight else self.file.tell()

    def skip_to(self, position: int) -> None:
        """What is compressed or transcoded is read from its start again."""
        if self.straight:
            self.file.seek(position)
            return
        while position:
            piece = self.reader.read(min(position, _SKIPPED_AT_ONCE))
            if not piece:
                raise UnusableFile("The file has become shorter.")
            position -= len(piece)
            self.alive()


def open_text(file: BinaryIO, *, compression: str, encoding: str) -> Text:
    """At its beginning, byte order mark included where there is one."""
    file.seek(0)
    if not compression and encoding == "utf-8":
        return Text(file, file, straight=True)
    raw: Any = io.BufferedReader(_Inflated(file), _BUFFER) if compression else file
    if encoding != "utf-8":
        raw = io.BufferedReader(_Transcoded(raw, encoding), _BUFFER)
    return Text(file, raw, straight=False)


class _Inflated(io.RawIOBase):
    """The content of a gzip file (RFC 1952) of one member or several. Raises UnusableFile where it is damaged."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._limit = inflated_limit(self._size)
        self._given = 0
        self._member = zlib.decompressobj(wbits=31)
        self._member_gave = False
        self._empty = 0
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._member.eof and not self._next_member():
                return 0
            if not self._waiting:
                self._waiting = self._file.read(_PIECE)
            ended = not self._waiting
            piece = self._inflate(len(buffer))
            if piece:
                buffer[: len(piece)] = piece
                return len(piece)
            if ended and not self._member.eof:
                raise UnusableFile("The gzip data ends too early: the file was cut off. Upload it again in whole.")

    def _inflate(self, most: int) -> bytes:
        try:
            piece = self._member.decompress(self._waiting, most)
        except zlib.error as error:
            near = self._file.tell() - len(self._waiting)
            raise UnusableFile(f"The gzip data is damaged near byte {near:,}: {_reason(error)}.") from None
        self._waiting = self._member.unconsumed_tail
        self._member_gave |= bool(piece)
        self._given += len(piece)
        if self._given > self._limit:
            raise too_much_inflated(self._size)
        return piece

    def _next_member(self) -> bool:
        """False at the end of the file, which may be padded with zeros."""
        rest = self._member.unused_data.lstrip(b"\0")
        while not rest and (more := self._file.read(_PIECE)):
            rest = more.lstrip(b"\0")
        if not rest:
            return False
        self._empty = 0 if self._member_gave else self._empty + 1
        if self._empty > _EMPTY_MEMBERS:
            raise UnusableFile(f"The gzip data has more than {_EMPTY_MEMBERS:,} empty members in a row.")
        self._member, self._member_gave, self._waiting = zlib.decompressobj(wbits=31), False, rest
        return True


def _reason(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2]


class _Transcoded(io.RawIOBase):
    """UTF-8 of another encoding. What is none becomes bytes that are no UTF-8 either, so that its row is refused."""

    def __init__(self, source: Any, encoding: str) -> None:
        wide = encoding == "utf-16"
        self._source = source
        self._errors = "surrogatepass" if wide else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(self._errors)
        self._waiting = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting and not self._ended:
            piece = self._source.read(_PIECE)
            self._ended = not piece
            self._waiting = self._utf8(piece)
        given = self._waiting[: len(buffer)]
        buffer[: len(given)] = given
        self._waiting = self._waiting[len(given) :]
        return len(given)

    def _utf8(self, piece: bytes) -> bytes:
        try:
            text = self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError:
            # Half a character at the end of UTF-16.
            return b"\xff"
        return text.encode("utf-8", self._errors)
