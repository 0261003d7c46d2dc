"""What can be done to suppressions: values that are never sent to, whoever has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from audiences.address_values import parse_address
from audiences.bad_value import BadValue, clean_text, shown
from audiences.models import Suppression
from audiences.upsert import Rejection
from common.authorship import Actor
from common.channels import Type, parse_type
from common.errors import NotFound
from workspaces import audit

MAX_ROWS = 10_000
FIELDS = frozenset({"type", "value", "reason", "source"})


@dataclass(slots=True)
class SuppressionReport:
    created: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@transaction.atomic
def add_suppressions(*, workspace_id: int, rows: Sequence[Any], actor: Actor) -> SuppressionReport:
    """Rows are objects of `type`, `value`, `reason` (default `manual`) and `source`. One that exists stays as it is."""
    report = SuppressionReport()
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for index, row in enumerate(rows):
        try:
            kind, value, reason, source = _parse(row)
        except BadValue as error:
            place = f"suppressions[{index}].{error.field}".rstrip(".")
            report.rejected.append(Rejection(index, place, error.code, error.message))
            continue
        report.unchanged += (kind, value) in found
        found.setdefault((kind, value), (reason, source))
    report.created = _insert(workspace_id, found)
    report.unchanged += len(found) - report.created
    if report.created:
        _record(workspace_id, actor, "suppressed", 0, f"{report.created} addresses")
    return report


@transaction.atomic
def remove_suppression(*, suppression_id: int, workspace_id: int, actor: Actor) -> None:
    """Lets the value be sent to again, where its consents allow it. Raises `NotFound` outside the workspace."""
    found = Suppression.objects.select_for_update().filter(pk=suppression_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound("This workspace has no such suppression.")
    _record(workspace_id, actor, "suppression removed", found.pk, str(found), reason=found.reason)
    found.delete()


def _parse(row: object) -> tuple[str, str, str, str]:
    if not isinstance(row, Mapping):
        raise BadValue("wrong_type", "A suppression must be an object.")
    for name in row:
        if name not in FIELDS:
            raise BadValue("unknown_field", f"A suppression has no field {shown(name)}.")
    kind = _parse_type(row.get("type"))
    try:
        value = parse_address(kind, row.get("value"))
    except BadValue as error:
        error.field = "value"
        raise
    return kind, value, _text(row, "reason", 40) or "manual", _text(row, "source", 200)


def _parse_type(value: object) -> str:
    try:
        return parse_type(clean_text(value, name="type", limit=20)).value
    except BadValue as error:
        error.field = "type"
        raise
    except ValueError:
        raise BadValue(
            "unknown_choice", f"{shown(value)} is no type; the types are {', '.join(Type.values)}.", field="type"
        ) from None


def _text(row: Mapping[str, Any], name: str, limit: int) -> str:
    if row.get(name) is None:
        return ""
    try:
        return clean_text(row[name], name=name, limit=limit).strip()
    except BadValue as error:
        error.field = name
        raise


def _insert(workspace_id: int, found: Mapping[tuple[str, str], tuple[str, str]]) -> int:
    """How many were new. In the order of the unique key, so that two calls at once do not deadlock."""
    rows = [(*key, *found[key]) for key in sorted(found)]
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [workspace_id, *(list(column) for column in zip(*rows, strict=True))])
        count: int = cursor.rowcount
    return count


_INSERT = """
INSERT INTO audiences_suppression (workspace_id, type, value, reason, source)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT (workspace_id, type, value) DO NOTHING
"""


def _record(workspace_id: int, actor: Actor, action: str, id: int, name: str, **details: object) -> None:
    audit.record(
        workspace_id=workspace_id,
        actor=actor,
        action=action,
        object_type="suppression",
        object_id=id,
        object_name=name,
        details=details,
    )
