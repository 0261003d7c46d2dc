"""What can be done to suppressions: values that are never sent to, whoever has them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audiences.bad_value import BadValue
from audiences.models import Suppression
from audiences.rights.erased import ERASED, forget, known, share_lock
from audiences.suppression_rows import SuppressionRow, parse_suppression
from audiences.upsert import Rejection
from common.authorship import Actor
from common.errors import NotFound
from workspaces import audit

MAX_ROWS = 10_000
# What a file needs to be imported elsewhere, or here again.
EXPORTED = ("type", "value", "reason", "source", "created_at")
_EXPORT_PAGE = 5_000


@dataclass(slots=True)
class SuppressionReport:
    created: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@transaction.atomic
def add_suppressions(*, workspace_id: int, rows: Sequence[Any], actor: Actor) -> SuppressionReport:
    """Rows are objects of `type`, `value`, `reason` (default `manual`), `source` and `created_at` (default now).

    One that exists stays as it is.
    """
    report = write_suppressions(workspace_id=workspace_id, rows=rows)
    if report.created:
        _record(workspace_id, actor, "suppressed", 0, f"{report.created} addresses")
    return report


def write_suppressions(
    *, workspace_id: int, rows: Sequence[Any], field_prefix: str = "suppressions"
) -> SuppressionReport:
    """Inside a transaction. With an empty `field_prefix` the field of a rejection is relative to its row."""
    report = SuppressionReport()
    found: dict[tuple[str, str], SuppressionRow] = {}
    now = timezone.now()
    for index, row in enumerate(rows):
        try:
            parsed = parse_suppression(row, now=now)
        except BadValue as error:
            place = f"{field_prefix}[{index}]." if field_prefix else ""
            report.rejected.append(Rejection(index, f"{place}{error.field}".rstrip("."), error.code, error.message))
            continue
        report.unchanged += parsed.key in found
        found.setdefault(parsed.key, parsed)
    share_lock(workspace_id)
    # Somebody who was erased is not written down again; the hash holds them back.
    hashed = known(workspace_id, found)
    report.created = _insert(workspace_id, [row for key, row in found.items() if key not in hashed])
    report.unchanged += len(found) - report.created
    return report


def every_suppression(found: QuerySet[Suppression]) -> Iterator[dict[str, Any]]:
    """All that match, oldest first, read a page at a time by key: millions need no memory."""
    after = 0
    while rows := list(found.filter(pk__gt=after).order_by("pk").values("pk", *EXPORTED)[:_EXPORT_PAGE]):
        yield from rows
        after = rows[-1]["pk"]


@transaction.atomic
def remove_suppression(*, suppression_id: int, workspace_id: int, actor: Actor) -> None:
    """Lets the value be sent to again, where its consents allow it. Raises `NotFound` outside the workspace."""
    found = Suppression.objects.select_for_update().filter(pk=suppression_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound("This workspace has no such suppression.")
    if found.reason == ERASED:
        forget(workspace_id, (found.type, found.value))
    _record(workspace_id, actor, "suppression removed", found.pk, str(found), reason=found.reason)
    found.delete()


def _insert(workspace_id: int, rows: Collection[SuppressionRow]) -> int:
    """How many were new. In the order of the unique key, so that two calls at once do not deadlock."""
    if not rows:
        return 0
    ordered = sorted(rows, key=lambda row: row.key)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [workspace_id, *(list(column) for column in zip(*ordered, strict=True))])
        count: int = cursor.rowcount
    return count


_INSERT = """
INSERT INTO audiences_suppression (workspace_id, type, value, reason, source, created_at)
SELECT %s, type, value, reason, source, coalesce(created_at, now())
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
     AS one(type, value, reason, source, created_at)
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
