"""Files of contacts, made and imported as by a worker that nothing interrupts."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow
from pyarrow import parquet

from audiences.imports import import_upload
from audiences.models import Upload

Make = Callable[..., Upload]


def run(upload: Upload) -> Upload:
    while import_upload(upload_id=upload.pk):
        pass
    upload.refresh_from_db()
    return upload


def refused(upload: Upload) -> list[str]:
    with upload.rejected_file.open("rb") as file:
        return str(file.read().decode()).splitlines()


def parquet_of(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out, **options)
    return out.getvalue()
