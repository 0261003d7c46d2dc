"""Imports an upload: in chunks, each one transaction with its progress, resumable after any of them.

Whoever imports holds a lease, which it renews while it reads, and the import's lock while it writes a chunk. A killed
worker's lease runs out, the sweep finds the upload, and the next one goes on behind the last committed chunk.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from audiences.file_records import Record, Source, open_source
from audiences.files.errors import UnusableFile
from audiences.files.streams import refuse_rows
from audiences.models import Upload, UploadKind, UploadState
from audiences.rejected_file import RefusedRecord, append_refused
from audiences.suppression_files import write_rows
from audiences.upload_meaning import meaning_of
from audiences.upsert import Rejection, UpsertReport, upsert_contacts

CHUNK_ROWS = 5_000
CHUNK_BYTES = 8 * 1024 * 1024
# Between two chunks; a chunk may take longer. A successor begins within 15 seconds, the sweep's five included.
LEASE = timedelta(seconds=8)
SLICE_SECONDS = 5.0
_RENEWAL_SECONDS = 2.0
_SLOW_OPENING_SECONDS = 1.0
_TIMES_THE_OPENING = 4
_LATEST_SHARE = 0.3
logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Somebody else imports this upload now, or it is finished."""


def import_upload(*, upload_id: int, seconds: float = SLICE_SECONDS) -> bool:
    """Imports for about so long; True when there is more to do, so that the caller can let others work first."""
    upload = _claim(upload_id)
    if upload is None:
        return False
    try:
        return _import_slice(upload, seconds)
    except LeaseLost:
        return False
    except UnusableFile as error:
        _fail(upload, f"{error}{_reached(upload)}")
    except OSError as error:
        logger.exception("upload %s can't be read", upload_id)
        _fail(upload, f"The file can't be read: {error.strerror or error}.")
    except (OperationalError, InterfaceError):
        raise  # The database is away; the sweep tries again when the lease has run out.
    except Exception:
        _fail(upload, "An internal error stopped the import; the log of the worker tells more.")
        raise
    return False


def _import_slice(upload: Upload, seconds: float) -> bool:
    began = time.monotonic()
    with Path(upload.file.path).open("rb") as file:
        source = open_source(
            file,
            format=upload.format,
            compression=upload.compression,
            encoding=upload.encoding,
            mapping=upload.mapping,
            position=upload.position,
            line=upload.lines_read,
            alive=_Lease(upload).renew,
            meaning=meaning_of(upload),
        )
        opening = time.monotonic() - began
        if opening > _SLOW_OPENING_SECONDS:
            # What is compressed is inflated from its start: a slice must be worth that.
            seconds = max(seconds, _TIMES_THE_OPENING * opening)
        try:
            return _import_chunks(upload, source, began + opening + seconds)
        finally:
            source.close()


def _reached(upload: Upload) -> str:
    lines = Upload.objects.values_list("lines_read", flat=True).get(pk=upload.pk)
    return f" What is before line {lines + 1:,} is imported." if lines else ""


class _Lease:
    def __init__(self, upload: Upload) -> None:
        self._upload, self._renewed = upload, time.monotonic()

    def renew(self) -> None:
        """Called often; asks the database seldom."""
        if time.monotonic() - self._renewed >= _RENEWAL_SECONDS:
            _move(self._upload, lease_until=Now() + LEASE)
            self._renewed = time.monotonic()


def due_uploads(limit: int = 20) -> list[int]:
    """Uploads that nobody works on, for the sweep: their message or their worker was lost."""
    unled = Q(lease_until=None, created_at__lt=Now() - timedelta(seconds=5)) | Q(lease_until__lt=Now())
    waiting = Upload.objects.filter(unled, state__in=[UploadState.WAITING, UploadState.IMPORTING])
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:limit])


@transaction.atomic
def _claim(upload_id: int) -> Upload | None:
    if not _try_lock(upload_id):
        return None
    token = uuid.uuid4()
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    claimed = Upload.objects.filter(free, pk=upload_id, state__in=[UploadState.WAITING, UploadState.IMPORTING]).update(
        state=UploadState.IMPORTING,
        lease_token=token,
        lease_until=Now() + LEASE,
        started_at=Coalesce("started_at", Now()),
    )
    return Upload.objects.get(pk=upload_id) if claimed else None


def _try_lock(upload_id: int) -> bool:
    """The import's lock, until the transaction ends; a killed worker's ends with its connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [_lock_name(upload_id)])
        return bool(cursor.fetchone()[0])


def _lock(upload_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_lock_name(upload_id)])


def _lock_name(upload_id: int) -> str:
    return f"volley.import:{upload_id}"


def _import_chunks(upload: Upload, source: Source, until: float) -> bool:
    began = time.monotonic()
    for chunk in _chunks(source):
        _import_chunk(upload, source, chunk, began)
        if upload.compression:
            refuse_rows(source.line, upload.bytes_total)
        began = time.monotonic()
        if began >= until:
            _move(upload, lease_until=None, lease_token=None)
            return True
    _move(
        upload,
        state=UploadState.FINISHED,
        bytes_read=F("bytes_total"),
        finished_at=Now(),
        lease_until=None,
        lease_token=None,
    )
    return False


def _chunks(source: Source) -> Iterator[list[Record]]:
    """Fewer rows where they are large, as memory is what a chunk costs. What precedes damage comes before its error."""
    chunk: list[Record] = []
    begin = source.weight
    try:
        for record in source.records():
            chunk.append(record)
            if len(chunk) >= CHUNK_ROWS or source.weight - begin >= CHUNK_BYTES:
                yield chunk
                chunk, begin = [], source.weight
    except UnusableFile:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _import_chunk(upload: Upload, source: Source, chunk: Sequence[Record], began: float) -> None:
    usable = [record for record in chunk if record.problem is None]
    with transaction.atomic():
        _lock(upload.pk)
        report = _write(upload, [record.row for record in usable])
        refused = _refused(source, chunk, usable, report.rejected)
        columns = _progress(upload, source, chunk, report, refused)
        columns["rate"] = upload.rate = _rate(upload.rate, len(chunk), time.monotonic() - began)
        _move(upload, **columns)
    upload.refresh_from_db(fields=["rejected_file", "rejected_bytes", "rejected_kept"])


def _write(upload: Upload, rows: Sequence[Any]) -> UpsertReport:
    if upload.kind == UploadKind.SUPPRESSIONS:
        return write_rows(upload, rows)
    return upsert_contacts(
        workspace_id=upload.workspace_id,
        rows=rows,
        list_ids=[upload.list_id] if upload.list_id else (),
        upload_id=upload.pk,
        temporary=not upload.keep,
        field_prefix="",
    )


def _rate(before: float, rows: int, seconds: float) -> float:
    """Rows a second while it is worked on; the latest chunk counts for some of it, so that it moves smoothly."""
    latest = rows / max(seconds, 0.001)
    return latest if not before else before + _LATEST_SHARE * (latest - before)


def _refused(
    source: Source, chunk: Sequence[Record], usable: Sequence[Record], rejected: Sequence[Rejection]
) -> list[RefusedRecord]:
    """In the order of the file."""
    found = [
        RefusedRecord(one.line, one.problem.code, one.problem.field, one.problem.message, one.cells)
        for one in chunk
        if one.problem is not None
    ]
    for rejection in rejected:
        record = usable[rejection.index]
        column = source.column_of(rejection.field, record.columns)
        found.append(RefusedRecord(record.line, rejection.code, column, rejection.message, record.cells))
    return sorted(found, key=lambda one: one.line)


def _progress(
    upload: Upload, source: Source, chunk: Sequence[Record], report: UpsertReport, refused: Sequence[RefusedRecord]
) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "bytes_read": source.consumed,
        "position": source.position,
        "lines_read": source.line,
        "rows_read": F("rows_read") + len(chunk),
        "created": F("created") + report.created,
        "updated": F("updated") + report.updated,
        "unchanged": F("unchanged") + report.unchanged,
        "rejected": F("rejected") + len(refused),
        "duplicates": F("duplicates") + report.duplicates,
        "lease_until": Now() + LEASE,
    }
    if report.personalized:
        columns["personalized"] = True
    if refused:
        # The file is written before the commit: whoever has lost the lease must not cut what the next one appended.
        _hold(upload)
        appended = append_refused(upload, source.header, refused)
        columns["rejected_file"], columns["rejected_bytes"], columns["rejected_kept"] = appended
    return columns


def _move(upload: Upload, **columns: Any) -> None:
    """Compare-and-set by the lease: who has lost it changes nothing any more."""
    if not Upload.objects.filter(pk=upload.pk, lease_token=upload.lease_token).update(**columns):
        raise LeaseLost


def _hold(upload: Upload) -> None:
    """Nobody takes the lease until the transaction ends."""
    held = Upload.objects.select_for_update(no_key=True).filter(pk=upload.pk, lease_token=upload.lease_token)
    if not list(held.values_list("pk")):
        raise LeaseLost


def _fail(upload: Upload, error: str) -> None:
    Upload.objects.filter(pk=upload.pk, lease_token=upload.lease_token).update(
        state=UploadState.FAILED, error=error[:500], finished_at=Now(), lease_until=None, lease_token=None
    )
