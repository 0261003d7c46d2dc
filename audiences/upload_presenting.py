"""Uploads as the wire shows them."""

from typing import Any

from audiences.models import Upload, UploadState
from audiences.previewing import Preview

_WORKING = (UploadState.WAITING, UploadState.IMPORTING)
_ACTIONS = {
    UploadState.MAPPING: ["start", "cancel"],
    UploadState.WAITING: ["cancel"],
    UploadState.IMPORTING: ["cancel"],
}


def upload_on_wire(upload: Upload) -> dict[str, Any]:
    url = f"/api/v1/uploads/{upload.pk}"
    return {
        "upload_id": upload.pk,
        "kind": upload.kind,
        "name": upload.name,
        "format": upload.format,
        "compression": upload.compression or None,
        "encoding": upload.encoding,
        "sha256": upload.sha256 or None,
        "state": upload.state,
        "error": upload.error or None,
        "list_id": upload.list_id,
        "keep": upload.keep,
        "mapping": upload.mapping,
        "progress": progress_of(upload),
        "rate_per_second": rate_of(upload),
        "eta_seconds": eta_of(upload),
        "bytes_total": upload.bytes_total,
        "bytes_read": upload.bytes_read,
        "rows_read": upload.rows_read,
        "created": upload.created,
        "updated": upload.updated,
        "unchanged": upload.unchanged,
        "duplicates": upload.duplicates,
        "personalized": upload.personalized,
        "rejected_count": upload.rejected,
        "rejected_in_file": upload.rejected_kept,
        "rejected_url": f"{url}/rejected" if upload.rejected_file else None,
        "actions": actions_of(upload),
        "created_by": upload.created_by,
        "created_at": upload.created_at,
        "started_at": upload.started_at,
        "finished_at": upload.finished_at,
        "expires_at": upload.expires_at,
        "purged_at": upload.purged_at,
        "url": url,
        "preview_url": f"{url}/preview",
    }


def actions_of(upload: Upload) -> list[str]:
    return _ACTIONS.get(UploadState(upload.state), [])


def progress_of(upload: Upload) -> float:
    """0 to 1, by bytes: how many rows a file has is not known before its end."""
    if upload.state == UploadState.FINISHED:
        return 1.0
    return round(min(upload.bytes_read / upload.bytes_total, 1.0), 3) if upload.bytes_total else 0.0


def rate_of(upload: Upload) -> float:
    """Rows a second: of late while it imports, on the whole when it is over."""
    if upload.state == UploadState.IMPORTING:
        return round(upload.rate, 1)
    if upload.state == UploadState.FINISHED and upload.started_at and upload.finished_at:
        return round(upload.rows_read / max((upload.finished_at - upload.started_at).total_seconds(), 0.001), 1)
    return 0.0


def eta_of(upload: Upload) -> int | None:
    """Seconds at the present rate, as if the rest of the file had rows as long; None where nothing is known."""
    if upload.state != UploadState.IMPORTING or not upload.rate or not upload.bytes_read or not upload.rows_read:
        return None
    rows = upload.rows_read * (upload.bytes_total - upload.bytes_read) / upload.bytes_read
    return max(round(rows / upload.rate), 0)


def preview_on_wire(upload: Upload, preview: Preview) -> dict[str, Any]:
    return {
        "upload_id": upload.pk,
        "state": upload.state,
        "format": upload.format,
        "compression": upload.compression or None,
        "encoding": preview.encoding,
        "delimiter": preview.delimiter or None,
        "columns": preview.columns,
        "mapping": preview.mapping,
        "suggested_mapping": preview.suggested,
        "remembered": preview.remembered,
        "rows": preview.rows,
        "errors": preview.errors,
    }
