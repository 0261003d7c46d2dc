"""The page on which the columns of an uploaded file are mapped: what it shows, and what comes back from it."""

import json
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from audiences.enqueue import enqueue_import
from audiences.files.cell_types import ORDERS
from audiences.files.encodings import WORDS
from audiences.files.targets import TOKEN_TYPES
from audiences.models import Upload
from audiences.previewing import Preview, preview_upload
from audiences.upload_judging import encoding_errors, mapping_errors
from audiences.upload_presenting import preview_on_wire
from audiences.uploads import change_upload, start_upload, started_before
from common.channels import APP_TYPES, Type
from common.errors import FieldError, Invalid
from workspaces.admin_scope import actor_of
from workspaces.models import App

_MAPPING_LENGTH = 1_000_000
_FIELDS = (
    ("", "Leave out"),
    ("external_id", "External id"),
    ("email", "Email"),
    ("phone", "Phone (SMS)"),
    ("whatsapp", "WhatsApp number"),
    ("attributes.", "Attribute …"),
    ("personalization.", "Personalization …"),
    ("locale", "Language"),
    ("timezone", "Time zone"),
    ("attributes", "Attributes (JSON)"),
    ("consent", "Consent"),
    ("consent_source", "Source of the consent"),
    ("consent_at", "Time of the consent"),
)
_TYPES = (
    ("", "As it is"),
    ("text", "Text"),
    ("number", "Number"),
    ("number ,", "Number, decimal comma"),
    ("boolean", "Yes or no"),
    ("date", "Date, 2026-01-31"),
    (f"date {ORDERS[1]}", "Date, 31.01.2026"),
    (f"date {ORDERS[2]}", "Date, 01/31/2026"),
    ("list", "List, a|b"),
    ("list ;", "List, a;b"),
    ("list ,", "List, a,b"),
)


def page_context(upload: Upload) -> dict[str, Any]:
    preview = preview_upload(upload, mapping=upload.mapping, encoding=upload.encoding)
    return {
        "mapping_page": {**_shown(upload, preview), "fields": _fields(upload), "types": _TYPES},
        "mapping_text": json.dumps(upload.mapping, ensure_ascii=False, indent=2),
        "encodings": WORDS.items(),
        "columns_mapped": upload.format != "ndjson",
        "same": started_before(upload),
    }


def try_mapping(upload: Upload, body: bytes) -> dict[str, Any]:
    """What the page asks for as the mapping changes. Raises `Invalid`."""
    given = _object(body.decode(errors="replace"))
    mapping, encoding = given.get("mapping"), given.get("encoding")
    if not isinstance(mapping, dict) or not isinstance(encoding, str):
        raise Invalid([FieldError("mapping", "wrong_type", "This must be an object.")])
    if errors := [*mapping_errors(mapping), *encoding_errors(encoding)]:
        raise Invalid(errors)
    return _shown(upload, preview_upload(upload, mapping=mapping, encoding=encoding))


def start_mapped(request: HttpRequest, upload: Upload) -> None:
    """Keeps what was mapped, also where it can't be started so. Raises DomainError."""
    changes: dict[str, Any] = {"encoding": request.POST.get("encoding", upload.encoding)}
    if upload.format != "ndjson":
        changes["mapping"] = _object(request.POST.get("mapping", ""))
    common: dict[str, Any] = {"upload_id": upload.pk, "workspace_id": upload.workspace_id, "actor": actor_of(request)}
    change_upload(**common, **changes)
    start_upload(**common, force="force" in request.POST)
    transaction.on_commit(lambda: enqueue_import(upload.pk), robust=True)


def _shown(upload: Upload, preview: Preview) -> dict[str, Any]:
    return preview_on_wire(upload, preview)


def _fields(upload: Upload) -> list[tuple[str, str]]:
    apps = App.objects.filter(workspace_id=upload.workspace_id).order_by("app_id").values_list("app_id", "name")
    kinds = [kind for kind in TOKEN_TYPES if kind in APP_TYPES]
    tokens = [(f"{kind}:{app_id}", f"{Type(kind).label} token of {name}") for app_id, name in apps for kind in kinds]
    return [*_FIELDS, *tokens]


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if len(text) <= _MAPPING_LENGTH else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        message = 'The mapping is no JSON object like {"E-mail": "email"}.'
        raise Invalid([FieldError("mapping", "wrong_type", message)])
    return found
