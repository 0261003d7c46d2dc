"""What a file is: told from its name and its first bytes."""

import codecs
import zlib
from typing import BinaryIO

from audiences.files.errors import UnusableFile

FORMATS = ("csv", "ndjson", "parquet")
_BY_ENDING = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "parquet": "parquet",
    "pq": "parquet",
}
GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_ZIP = (
    "The file is a ZIP archive, as an Excel workbook is too. Save a workbook as CSV UTF-8; unpack an archive, and"
    " compress the file inside with gzip if it is large."
)
_OTHERS = {
    b"PK\x03\x04": _ZIP,
    b"PK\x05\x06": _ZIP,
    b"\xd0\xcf\x11\xe0": "The file is an old Excel workbook; save it as CSV UTF-8.",
    b"\x28\xb5\x2f\xfd": "The file is compressed with zstd; use gzip, or no compression.",
    b"BZh": "The file is compressed with bzip2; use gzip, or no compression.",
    b"\xfd7zXZ": "The file is compressed with xz; use gzip, or no compression.",
    b"7z\xbc\xaf": "The file is a 7z archive; unpack it, and compress the file inside with gzip if it is large.",
    b"%PDF": "The file is a PDF; export the contacts as CSV.",
}
_TAR = b"ustar"
_PEEK = 1024


def format_of_name(name: str) -> str | None:
    """None where the ending tells nothing. `people.csv.gz` is CSV."""
    plain = name.lower().removesuffix(".gz")
    return _BY_ENDING.get(plain.rpartition(".")[2])


def recognise(file: BinaryIO, format: str | None) -> tuple[str | None, str]:
    """Format and compression (`"gzip"` or `""`); `format` is what name or caller said, and stays None if nothing tells.

    Raises UnusableFile for what is none of ours.
    """
    file.seek(0)
    start = file.read(_PEEK)
    file.seek(0)
    if not start:
        raise UnusableFile("The file is empty.")
    _refuse_others(start)
    if start.startswith(_PARQUET):
        return "parquet", ""
    compression = "gzip" if start.startswith(GZIP) else ""
    text = _inflated(start) if compression else start
    if compression:
        _refuse_inside(text)
    if format == "parquet":
        raise UnusableFile("The file is no Parquet: it does not begin with PAR1.")
    if format is None and text.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        format = "ndjson"
    return format, compression


def _refuse_others(start: bytes) -> None:
    for magic, message in _OTHERS.items():
        if start.startswith(magic):
            raise UnusableFile(message)


def _refuse_inside(text: bytes) -> None:
    _refuse_others(text)
    if text.startswith(GZIP):
        raise UnusableFile("The file is compressed with gzip twice; once is enough.")
    if text.startswith(_PARQUET):
        raise UnusableFile("The file is Parquet in gzip; Parquet is compressed in itself, upload it as it is.")
    if text[257:262] == _TAR:
        raise UnusableFile("The file is a tar archive; unpack it, and compress the file inside with gzip.")


def _inflated(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, _PEEK)
    except zlib.error:
        return b""
