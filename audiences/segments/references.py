"""What a rule names: does the workspace have it?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from audiences.segments.reading import Reference
from common.errors import FieldError

# Campaigns are another app's, above this one.
_KNOWN: Mapping[str, str] = {
    "list": "SELECT id::text FROM audiences_list WHERE workspace_id = %s AND id = ANY (%s::bigint[])",
    "campaign": "SELECT id::text FROM campaigns_campaign WHERE workspace_id = %s AND id = ANY (%s::bigint[])",
    "tag": "SELECT w.name FROM unnest(%s::text[]) w (name)"
    " WHERE EXISTS (SELECT FROM campaigns_tag t WHERE t.workspace_id = %s AND lower(t.name) = lower(w.name))",
    "app": "SELECT app_id FROM workspaces_app WHERE workspace_id = %s AND app_id = ANY (%s::text[])",
}
_WORDS = {"list": "list", "campaign": "campaign", "tag": "tag on a campaign", "app": "app"}
_HINTS = {
    "list": "Find lists with GET /api/v1/lists.",
    "campaign": "Find campaigns with GET /api/v1/campaigns.",
    "tag": "Tags are made by naming them in a campaign.",
    "app": "Apps are made in the admin.",
}


def reference_errors(*, workspace_id: int, references: Sequence[Reference]) -> list[FieldError]:
    """The same error for what another workspace has and for what nobody has."""
    known = {kind: _known(workspace_id, kind, references) for kind in {one.kind for one in references}}
    return [
        FieldError(
            one.field,
            "not_found",
            f"This workspace has no such {_WORDS[one.kind]}.",
            one.value,
            hint=_HINTS[one.kind],
        )
        for one in references
        if str(one.value) not in known[one.kind]
    ]


def _known(workspace_id: int, kind: str, references: Iterable[Reference]) -> set[str]:
    values = sorted({one.value for one in references if one.kind == kind}, key=str)
    given: list[Any] = [values, workspace_id] if kind == "tag" else [workspace_id, values]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN[kind], given)
        return {row[0] for row in cursor.fetchall()}
