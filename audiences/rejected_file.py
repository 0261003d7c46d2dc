"""The downloadable file of refused rows: where and why, with the original values, so that it can be mended."""

import io
import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from defusedcsv import csv
from django.core.files import File
from django.core.files.storage import default_storage

from audiences.csv_columns import OWN_COLUMNS
from audiences.file_records import texts_of
from audiences.models import Upload

MAX_KEPT = 1_000_000
MAX_KEPT_BYTES = 256 * 1024 * 1024
"""Beyond these, refused rows are counted only."""


class RefusedRecord(NamedTuple):
    line: int
    code: str
    field: str
    message: str
    cells: Sequence[Any]


class Appended(NamedTuple):
    """What to commit with the chunk: the file's name in the storage, its size, and how many rows are in it."""

    name: str
    size: int
    rows: int


def ending_of(format: str) -> str:
    """Rows of Parquet are given back as CSV, which can be mended."""
    return "ndjson" if format == "ndjson" else "csv"


def open_refused(upload: Upload) -> "File[bytes] | None":
    """None where there are none, or they were deleted with the upload."""
    try:
        return upload.rejected_file.open("rb") if upload.rejected_file else None
    except FileNotFoundError:
        return None


def append_refused(upload: Upload, header: Sequence[str], refused: Sequence[RefusedRecord]) -> Appended:
    """Writes after what earlier chunks committed; what a crash left behind that is overwritten."""
    ending = ending_of(upload.format)
    name = upload.rejected_file.name or f"rejected/{upload.created_at:%Y/%m}/upload-{upload.pk}.{ending}"
    room = MAX_KEPT - upload.rejected_kept if upload.rejected_bytes < MAX_KEPT_BYTES else 0
    kept = list(islice(refused, max(room, 0)))
    if not kept:
        return Appended(name, upload.rejected_bytes, upload.rejected_kept)
    path = Path(default_storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _csv(upload, header, kept) if ending == "csv" else _ndjson(kept)
    # Not "ab": a file that holds more than was committed must be cut first.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o640), "r+b") as file:
        file.truncate(upload.rejected_bytes)
        file.seek(upload.rejected_bytes)
        file.write(text)
        return Appended(name, file.tell(), upload.rejected_kept + len(kept))


def _csv(upload: Upload, header: Sequence[str], refused: Iterable[RefusedRecord]) -> bytes:
    out = io.StringIO(newline="")
    # Cells that a spreadsheet would run as a formula get an apostrophe; reading takes it off again.
    rows = csv.writer(out)
    if not upload.rejected_bytes:
        rows.writerow([*OWN_COLUMNS, *(name for name in header if name not in OWN_COLUMNS)])
    places = [place for place, name in enumerate(header) if name not in OWN_COLUMNS]
    for one in refused:
        given = texts_of(one.cells)
        cells = [given[place] for place in places if place < len(given)]
        rows.writerow([one.line, one.code, one.field, one.message, *cells, *given[len(header) :]])
    return out.getvalue().encode("utf-8", "replace")


def _ndjson(refused: Iterable[RefusedRecord]) -> bytes:
    return b"".join(
        orjson.dumps(
            {
                "line": one.line,
                "code": one.code,
                "field": one.field,
                "message": one.message,
                "row": one.cells[0].decode("utf-8", "replace").rstrip("\r\n"),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for one in refused
    )
