"""What can be done to uploads: make one, out of a file that somebody sent."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.db import transaction

from audiences.bad_value import BadValue, shown
from audiences.file_records import open_source
from audiences.files.errors import UnusableFile
from audiences.files.targets import HINT, parse_target
from audiences.models import Upload
from audiences.selectors import list_errors
from common.authorship import Actor, authored_by
from common.errors import FieldError, Invalid, TooLarge
from workspaces import audit

NAME_LENGTH = 200
FORMATS = {"csv": "csv", "tsv": "csv", "txt": "csv", "ndjson": "ndjson", "jsonl": "ndjson"}
NOTHING_UPLOADED = "Nothing was uploaded."


def create_upload(
    *,
    workspace_id: int,
    file: "File[bytes]",
    name: str = "",
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
    list_id: int | None = None,
    keep: bool = True,
    actor: Actor,
) -> Upload:
    """Stores the file; the caller enqueues its import after the commit (`audiences.enqueue.enqueue_import`).

    `format` is told from the file's name where it is not given. Raises `Invalid` with every error at once, also
    for a header that makes no sense, and `TooLarge`.
    """
    refuse_large(file.size)
    name = (name or file.name or "upload").strip()
    format = format or FORMATS.get((file.name or "").rpartition(".")[2].lower())
    errors = _errors(workspace_id, name, format, mapping or {}, list_id)
    errors += [] if errors else _file_errors(file, str(format), mapping or {})
    if errors or format is None:
        raise Invalid(errors, detail=NOTHING_UPLOADED)
    return _store(workspace_id, file, actor, name=name, format=format, mapping=mapping, list_id=list_id, keep=keep)


def refuse_large(size: int) -> None:
    limit = settings.UPLOAD_MAX_BYTES
    if size > limit:
        raise TooLarge(f"A file has at most {limit:,} bytes; this has {size:,}. Split it and upload the parts.")


@transaction.atomic
def _store(workspace_id: int, file: "File[bytes]", actor: Actor, **columns: object) -> Upload:
    upload = Upload(workspace_id=workspace_id, bytes_total=file.size, **columns, **authored_by(actor))
    upload.mapping = upload.mapping or {}
    upload.file.save(f"upload.{upload.format}", file, save=False)
    upload.save(force_insert=True)
    upload.refresh_from_db(fields=["created_at"])
    audit.record(
        workspace_id=workspace_id,
        actor=actor,
        action="uploaded",
        object_type="upload",
        object_id=upload.pk,
        object_name=upload.name,
        details={"bytes": file.size},
    )
    return upload


def _errors(
    workspace_id: int, name: str, format: str | None, mapping: Mapping[str, str], list_id: int | None
) -> list[FieldError]:
    errors = []
    if len(name) > NAME_LENGTH:
        message = f"An upload's name has at most {NAME_LENGTH} characters; this has {len(name)}."
        errors.append(FieldError("name", "too_long", message, name, NAME_LENGTH, "Shorten it."))
    if "\0" in name:
        errors.append(FieldError("name", "invalid", "Text can't contain a NUL character."))
    if format is None:
        hint = "Send format=csv or format=ndjson, or a file name that ends in .csv or .ndjson."
        errors.append(FieldError("format", "required", "The format can't be told from the name.", hint=hint))
    errors += _mapping_errors(mapping)
    if list_id is not None:
        errors += list_errors(workspace_id=workspace_id, list_ids=[list_id], field="list_id")
    return errors


def _mapping_errors(mapping: Mapping[str, Any]) -> Iterator[FieldError]:
    for column, target in mapping.items():
        try:
            parse_target(target)
        except BadValue as error:
            message = f"The column {shown(column)}: {error.message}"
            yield FieldError(f"mapping.{column}"[:200], error.code, message, str(target)[:200], hint=HINT)


def _file_errors(file: "File[bytes]", format: str, mapping: Mapping[str, str]) -> list[FieldError]:
    try:
        open_source(cast(BinaryIO, file), format=format, mapping=mapping, position=0, line=0)
    except UnusableFile as error:
        return [FieldError("file", "unusable_file", str(error))]
    finally:
        file.seek(0)
    return []
