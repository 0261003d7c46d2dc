"""What can be done to uploads: make one, out of a file that somebody sent; say what its columns mean; start; cancel."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from audiences.files.encodings import encoding_of
from audiences.files.formats import format_of_name
from audiences.files.suggesting import fingerprint
from audiences.models import Upload, UploadMapping, UploadState
from audiences.receiving import ReceivedFile, on_disk
from audiences.selectors import get_upload
from audiences.upload_judging import (
    NOTHING_UPLOADED,
    Reading,
    encoding_errors,
    first_mapping,
    mapping_errors,
    naming_errors,
    read_header,
    recognised,
    refuse_large,
)
from common.authorship import Actor, authored_by
from common.errors import Conflict, Invalid
from workspaces import audit

_BEGUN = (UploadState.WAITING, UploadState.IMPORTING, UploadState.FINISHED)
_STOPPABLE = (UploadState.MAPPING, UploadState.WAITING, UploadState.IMPORTING)


def create_upload(
    *,
    workspace_id: int,
    file: "File[bytes]",
    name: str = "",
    format: str | None = None,
    encoding: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    list_id: int | None = None,
    keep: bool = True,
    start: bool = True,
    force: bool = False,
    actor: Actor,
) -> Upload:
    """Stores the file; the caller enqueues its import after the commit (`audiences.enqueue.enqueue_import`).

    Without `start` it waits until its columns are mapped, for `start_upload`. The same content, read in the same way
    into the same list, is not kept again: the upload that there is comes back, `repeated`, unless `force` is given.
    `format` is told from the file's name where it is not given. Raises `Invalid` with every error at once, also
    for a header that makes no sense, and `TooLarge`.
    """
    refuse_large(file.size)
    given = format or format_of_name(file.name or "")
    name = (name or file.name or "upload").strip()
    errors = [*naming_errors(workspace_id, name, list_id), *mapping_errors(mapping or {}), *encoding_errors(encoding)]
    if errors:
        raise Invalid(errors, detail=NOTHING_UPLOADED)
    upload = Upload(
        workspace_id=workspace_id,
        name=name,
        mapping=dict(mapping or {}),
        list_id=list_id,
        keep=keep,
        state=UploadState.WAITING if start else UploadState.MAPPING,
        **authored_by(actor),
    )
    received = on_disk(file)
    try:
        _read_beginning(upload, received, given, encoding)
        return store_upload(upload, received, actor, force=force)
    finally:
        if received is not file:
            received.close()


def _read_beginning(upload: Upload, received: ReceivedFile, format: str | None, encoding: str | None) -> None:
    content = cast(BinaryIO, received.file)
    held = upload.state == UploadState.MAPPING
    reading = recognised(content, format, encoding, guess=held)
    upload.format, upload.compression, upload.encoding = reading.format, reading.compression, reading.encoding
    upload.sha256, upload.bytes_total = received.sha256, received.received
    if not held:
        read_header(content, reading, upload.mapping)
    elif not upload.mapping:
        upload.mapping = first_mapping(upload.workspace_id, content, reading)
    content.seek(0)


def change_upload(*, upload_id: int, workspace_id: int, actor: Actor, **changes: Any) -> Upload:
    """Any of `name`, `encoding`, `mapping`, `list_id` and `keep`, as long as it is not started.

    Raises `Invalid`, and `Conflict` when it is.
    """
    upload = get_upload(upload_id=upload_id, workspace_id=workspace_id)
    errors = naming_errors(workspace_id, changes.get("name", upload.name), changes.get("list_id"))
    errors += [*mapping_errors(changes.get("mapping", {})), *encoding_errors(changes.get("encoding"))]
    if errors:
        raise Invalid(errors)
    if "encoding" in changes:
        changes["encoding"] = encoding_of(changes["encoding"])
    with transaction.atomic():
        if changes:
            _move(upload, [UploadState.MAPPING], "changed", **changes)
            _record(upload, actor, "changed", fields=sorted(changes))
    upload.refresh_from_db()
    return upload


def start_upload(*, upload_id: int, workspace_id: int, force: bool = False, actor: Actor) -> Upload:
    """The caller enqueues its import after the commit. What the columns mean is remembered for files like this.

    Raises `Invalid` where the file can't be read with its mapping, and `Conflict` where the same was imported already.
    """
    upload = get_upload(upload_id=upload_id, workspace_id=workspace_id)
    header = _judge(upload) if upload.state == UploadState.MAPPING else []
    with transaction.atomic():
        _lock_content(upload)
        same = None if force else same_upload(upload)
        if same is not None and upload.state == UploadState.MAPPING:
            raise _imported_already(same)
        _move(upload, [UploadState.MAPPING], "started", as_read=True, state=UploadState.WAITING)
        if header:
            _remember(upload, header)
        _record(upload, actor, "started")
    upload.refresh_from_db()
    return upload


def cancel_upload(*, upload_id: int, workspace_id: int, actor: Actor) -> Upload:
    """What was imported stays; the chunk at work is rolled back."""
    upload = get_upload(upload_id=upload_id, workspace_id=workspace_id)
    with transaction.atomic():
        _move(
            upload,
            _STOPPABLE,
            "cancelled",
            state=UploadState.CANCELLED,
            finished_at=Now(),
            lease_until=None,
            lease_token=None,
        )
        _record(upload, actor, "cancelled")
    upload.refresh_from_db()
    return upload


def same_upload(upload: Upload) -> Upload | None:
    """Another one of the same content, read in the same way into the same list, that was started."""
    found = _alike(upload).filter(state__in=_BEGUN, mapping=upload.mapping).exclude(pk=upload.pk)
    return found.order_by("-pk").first()


def started_before(upload: Upload) -> Upload | None:
    """Another one of the same content that was started, however it was read."""
    if not upload.sha256:
        return None
    alike = Upload.objects.filter(workspace_id=upload.workspace_id, kind=upload.kind, sha256=upload.sha256)
    return alike.filter(state__in=_BEGUN).exclude(pk=upload.pk).order_by("-pk").first()


def store_upload(upload: Upload, received: ReceivedFile, actor: Actor, *, force: bool) -> Upload:
    """Unless the same is there already, which then comes back as `repeated`."""
    with transaction.atomic():
        _lock_content(upload)
        if not force and (found := _repeated(upload)):
            return found
        upload.file.save(f"upload.{upload.format}{'.gz' if upload.compression else ''}", received, save=False)
        try:
            upload.save(force_insert=True)
            upload.refresh_from_db(fields=["created_at"])
            _record(upload, actor, "uploaded", bytes=upload.bytes_total)
        except BaseException:
            upload.file.delete(save=False)
            raise
    return upload


def _repeated(upload: Upload) -> Upload | None:
    """Of those that wait for their mapping one is enough, whatever mapping it has by now."""
    if upload.state == UploadState.MAPPING:
        found = _alike(upload).filter(state=UploadState.MAPPING).order_by("-pk").first()
    else:
        found = same_upload(upload)
    if found is not None:
        found.repeated = True
    return found


def _alike(upload: Upload) -> QuerySet[Upload]:
    """Those whose people are about to be deleted are as good as gone."""
    if not upload.sha256:
        return Upload.objects.none()
    names = ("workspace_id", "kind", "fixed", "sha256", "format", "encoding", "list_id", "keep")
    return Upload.objects.filter(**{name: getattr(upload, name) for name in names}, purging_at=None)


def _lock_content(upload: Upload) -> None:
    """Of two callers with the same file, the second sees the first one's upload."""
    name = f"upload {upload.workspace_id} {upload.sha256}".encode()
    number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _judge(upload: Upload) -> list[str]:
    reading = Reading(upload.format, upload.compression, upload.encoding)
    try:
        with Path(upload.file.path).open("rb") as file:
            return read_header(file, reading, upload.mapping)
    except (OSError, ValueError) as error:
        raise Conflict(f"The file of this upload can't be read any more ({error}). Upload it again.") from None


def _imported_already(same: Upload) -> Conflict:
    return Conflict(
        f"The same file was imported already, in the same way: it is upload {same.pk}."
        " Send force=true to import it once more.",
        code="already_imported",
        title="The same file was imported already.",
    )


def _move(upload: Upload, states: Sequence[str], done: str, *, as_read: bool = False, **columns: Any) -> None:
    """Compare-and-set by the state, and where asked for by what was read of it."""
    found = Upload.objects.filter(pk=upload.pk, state__in=states)
    if as_read:
        found = found.filter(mapping=upload.mapping, encoding=upload.encoding)
    if not found.update(**columns):
        now = Upload.objects.values_list("state", flat=True).get(pk=upload.pk)
        changed = "was changed at the same time" if now in states else f"is {now}"
        raise Conflict(f"This upload {changed}, so it can't be {done}.")


def _remember(upload: Upload, header: Sequence[str]) -> None:
    UploadMapping.objects.update_or_create(
        workspace_id=upload.workspace_id,
        fingerprint=fingerprint(header),
        defaults={"mapping": upload.mapping, "updated_at": Now()},
    )


def _record(upload: Upload, actor: Actor, action: str, **details: Any) -> None:
    audit.record(
        workspace_id=upload.workspace_id,
        actor=actor,
        action=action,
        object_type="upload",
        object_id=upload.pk,
        object_name=upload.name,
        details=details,
    )
