"""The downloadable file of refused rows: where and why, with the original values, so that it can be mended."""

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from defusedcsv import csv
from django.core.files.storage import default_storage

from audiences.csv_columns import OWN_COLUMNS
from audiences.models import Upload


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    line: int
    code: str
    field: str
    message: str
    cells: Sequence[str]


def append_refused(upload: Upload, header: Sequence[str], refused: Iterable[RefusedRecord]) -> tuple[str, int]:
    """Writes after what earlier chunks committed; what a crash left behind that is overwritten.

    Returns the file's name in the storage, and the size to commit with the chunk.
    """
    name = upload.rejected_file.name or f"rejected/{upload.created_at:%Y/%m}/upload-{upload.pk}.{upload.format}"
    path = Path(default_storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _csv(upload, header, refused) if upload.format == "csv" else _ndjson(refused)
    # Not "ab": a file that holds more than was committed must be cut first.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o640), "r+b") as file:
        file.truncate(upload.rejected_bytes)
        file.seek(upload.rejected_bytes)
        file.write(text.encode("utf-8", "replace"))
        return name, file.tell()


def _csv(upload: Upload, header: Sequence[str], refused: Iterable[RefusedRecord]) -> str:
    out = io.StringIO(newline="")
    # Cells that a spreadsheet would run as a formula get an apostrophe; reading takes it off again.
    rows = csv.writer(out)
    if not upload.rejected_bytes:
        rows.writerow([*OWN_COLUMNS, *(name for name in header if name not in OWN_COLUMNS)])
    kept = [place for place, name in enumerate(header) if name not in OWN_COLUMNS]
    for one in refused:
        cells = [one.cells[place] for place in kept if place < len(one.cells)]
        rows.writerow([one.line, one.code, one.field, one.message, *cells, *one.cells[len(header) :]])
    return out.getvalue()


def _ndjson(refused: Iterable[RefusedRecord]) -> str:
    return "".join(
        orjson.dumps(
            {
                "line": one.line,
                "code": one.code,
                "field": one.field,
                "message": one.message,
                "row": one.cells[0].encode("utf-8", "replace").decode(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        ).decode()
        for one in refused
    )
