"""Bodies of uploads for the API's description."""

from typing import Any

_BY = {"kind": "api_key", "name": "demo"}
_MAPPING: dict[str, Any] = {
    "Customer no": "external_id",
    "E-mail": "email",
    "First name": "attributes.first_name",
    "Points": {"field": "attributes.points", "type": "number", "decimal": ","},
    "Born": {"field": "attributes.born", "type": "date", "order": "day_month_year"},
    "internal": "",
}
UPLOAD: dict[str, Any] = {
    "upload_id": 9,
    "kind": "contacts",
    "name": "people.csv",
    "format": "csv",
    "compression": None,
    "encoding": "utf-8",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "state": "finished",
    "error": None,
    "list_id": 42,
    "keep": True,
    "mapping": {},
    "progress": 1.0,
    "rate_per_second": 2500.0,
    "eta_seconds": None,
    "bytes_total": 2_310_442,
    "bytes_read": 2_310_442,
    "rows_read": 10_000,
    "created": 9_999,
    "updated": 0,
    "unchanged": 0,
    "duplicates": 0,
    "personalized": False,
    "rejected_count": 1,
    "rejected_in_file": 1,
    "rejected_url": "/api/v1/uploads/9/rejected",
    "actions": [],
    "created_by": _BY,
    "created_at": "2026-11-23T10:00:00Z",
    "started_at": "2026-11-23T10:00:00Z",
    "finished_at": "2026-11-23T10:00:04Z",
    "expires_at": None,
    "purged_at": None,
    "url": "/api/v1/uploads/9",
    "preview_url": "/api/v1/uploads/9/preview",
}
UPLOADED: dict[str, Any] = {
    "status": "success",
    "message": "Upload accepted for import",
    "repeated": False,
    **UPLOAD,
    "state": "waiting",
    "progress": 0.0,
    "rate_per_second": 0.0,
    "bytes_read": 0,
    "rows_read": 0,
    "created": 0,
    "rejected_count": 0,
    "rejected_in_file": 0,
    "rejected_url": None,
    "actions": ["cancel"],
    "started_at": None,
    "finished_at": None,
}
STARTED: dict[str, Any] = {name: value for name, value in UPLOADED.items() if name != "repeated"}
CHANGE: dict[str, Any] = {"mapping": _MAPPING, "list_id": 42, "keep": True}
CHANGED: dict[str, Any] = {
    **STARTED,
    "message": "Upload changed successfully",
    "state": "mapping",
    "mapping": _MAPPING,
    "actions": ["start", "cancel"],
}
CANCELLED: dict[str, Any] = {
    **STARTED,
    "message": "Upload cancelled successfully; what was imported stays",
    "state": "cancelled",
    "actions": [],
    "finished_at": "2026-11-23T10:00:02Z",
}
TRIAL: dict[str, Any] = {"mapping": _MAPPING, "encoding": "utf-8"}
PREVIEW: dict[str, Any] = {
    "upload_id": 9,
    "state": "mapping",
    "format": "csv",
    "compression": None,
    "encoding": "utf-8",
    "delimiter": ";",
    "columns": [
        {
            "name": "E-mail",
            "target": "email",
            "suggested": "email",
            "type_in_file": None,
            "samples": ["ana@example.test", "bo@example.test"],
        }
    ],
    "mapping": _MAPPING,
    "suggested_mapping": _MAPPING,
    "remembered": False,
    "rows": [
        {
            "line": 2,
            "row": {
                "external_id": "17",
                "email": "ana@example.test",
                "attributes": {"first_name": "Ana", "points": 12.5, "born": "1990-01-31"},
            },
            "problem": None,
        },
        {
            "line": 3,
            "row": {"external_id": "18", "email": "nope"},
            "problem": {"code": "invalid_address", "field": "E-mail", "message": '"nope" has no @.'},
        },
    ],
    "errors": [],
}
