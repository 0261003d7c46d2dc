"""Which encoding a file is in, as far as its beginning tells."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from audiences.files.streams import ENCODINGS, open_text

ALIASES = {
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf16": "utf-16",
    "cp1252": "windows-1252",
    "latin-1": "windows-1252",
    "latin1": "windows-1252",
    "iso-8859-1": "windows-1252",
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
}
WORDS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "windows-1252": "Windows-1252 or Latin-1 (Western Europe)",
    "windows-1250": "Windows-1250 (Central Europe)",
    "windows-1251": "Windows-1251 (Cyrillic)",
}
_LOOKED_AT = 1024 * 1024
_CLEARLY = 3
assert set(WORDS) == set(ENCODINGS)  # noqa: S101 - both lists are ours


def encoding_of(name: str) -> str:
    """As we call it, of one of its names."""
    plain = name.strip().lower()
    return ALIASES.get(plain, plain)


def guess_encoding(file: BinaryIO, *, compression: str) -> str:
    """`utf-16` by its mark; `windows-1252` where several lines are no UTF-8 and none beyond ASCII is; else `utf-8`.

    A file in UTF-8 that has broken lines stays UTF-8: those lines are refused, the others read.
    """
    first = True
    broken = whole = 0
    for line in _lines(file, compression):
        if first and line[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        if not line.isascii():
            if _is_utf8(line):
                whole += 1
            elif first:
                return "windows-1252"
            else:
                broken += 1
        first = False
    return "windows-1252" if broken >= _CLEARLY and not whole else "utf-8"


def _lines(file: BinaryIO, compression: str) -> Iterator[bytes]:
    text = open_text(file, compression=compression, encoding="utf-8")
    left = _LOOKED_AT
    while left > 0 and (line := text.reader.readline(left)):
        left -= len(line)
        if left <= 0 and not line.endswith(b"\n"):
            return
        yield line


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
