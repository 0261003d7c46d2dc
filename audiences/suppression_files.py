"""Files of suppressions: kept, read and imported as uploads are, with their progress and their refused rows."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from django.core.files import File

from audiences.bad_value import BadValue, shown
from audiences.file_records import open_source
from audiences.files.errors import UnusableFile
from audiences.files.formats import format_of_name
from audiences.models import Upload, UploadKind, UploadState
from audiences.receiving import on_disk
from audiences.suppression_columns import TARGETS
from audiences.suppression_rows import parse_fixed
from audiences.suppressions import write_suppressions
from audiences.upload_judging import NOTHING_UPLOADED, encoding_errors, naming_errors, recognised, refuse_large
from audiences.upload_meaning import meaning_of
from audiences.uploads import store_upload
from audiences.upsert import UpsertReport
from common.authorship import Actor, authored_by
from common.errors import FieldError, Invalid


def upload_suppressions(
    *,
    workspace_id: int,
    file: "File[bytes]",
    name: str = "",
    format: str | None = None,
    encoding: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    fixed: Mapping[str, str],
    force: bool = False,
    actor: Actor,
) -> Upload:
    """Stores the file; the caller enqueues its import after the commit. `fixed` may have type, reason and source.

    Raises `Invalid` with every error at once, also for a header that makes no sense, and `TooLarge`.
    """
    refuse_large(file.size)
    name = (name or file.name or "suppressions").strip()
    errors = [*naming_errors(workspace_id, name, None), *_mapping_errors(mapping or {}), *encoding_errors(encoding)]
    errors += _fixed_errors(fixed)
    if errors:
        raise Invalid(errors, detail=NOTHING_UPLOADED)
    upload = Upload(
        workspace_id=workspace_id,
        kind=UploadKind.SUPPRESSIONS,
        name=name,
        mapping=dict(mapping or {}),
        fixed=parse_fixed(fixed),
        state=UploadState.WAITING,
        **authored_by(actor),
    )
    received = on_disk(file)
    try:
        content = cast(BinaryIO, received.file)
        reading = recognised(content, format or format_of_name(file.name or ""), encoding, guess=False)
        upload.format, upload.compression, upload.encoding = reading.format, reading.compression, reading.encoding
        upload.sha256, upload.bytes_total = received.sha256, received.received
        _refuse_unusable(upload, content)
        return store_upload(upload, received, actor, force=force)
    finally:
        if received is not file:
            received.close()


def write_rows(upload: Upload, rows: Sequence[Any]) -> UpsertReport:
    """In the transaction of the chunk."""
    given = [{**upload.fixed, **row} if isinstance(row, dict) else row for row in rows]
    report = write_suppressions(workspace_id=upload.workspace_id, rows=given, field_prefix="")
    return UpsertReport(report.created, report.updated, report.unchanged, rejected=report.rejected)


def _refuse_unusable(upload: Upload, content: BinaryIO) -> None:
    try:
        open_source(
            content,
            format=upload.format,
            compression=upload.compression,
            encoding=upload.encoding,
            mapping=upload.mapping,
            meaning=meaning_of(upload),
        ).close()
    except UnusableFile as error:
        raise Invalid([FieldError("file", "unusable_file", str(error))], detail=NOTHING_UPLOADED) from None
    content.seek(0)


def _mapping_errors(mapping: Mapping[str, Any]) -> list[FieldError]:
    hint = f"One of: {', '.join(TARGETS)}; or nothing, to leave the column out."
    targets = [target for target in mapping.values() if target]
    errors = []
    for column, target in mapping.items():
        if target and target not in TARGETS:
            message = f"A suppression has no field {shown(target)}."
            errors.append(FieldError(f"mapping.{column}"[:200], "unknown_choice", message, hint=hint))
    if len(set(map(str, targets))) < len(targets):
        errors.append(FieldError("mapping", "invalid", "Two columns are mapped to the same field.", hint=hint))
    return errors


def _fixed_errors(fixed: Mapping[str, str]) -> list[FieldError]:
    try:
        parse_fixed(fixed)
    except BadValue as error:
        return [FieldError(error.field, error.code, error.message)]
    return []
