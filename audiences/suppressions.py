"""What can be done to suppressions: values that are never sent to, whoever has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from audiences.bad_value import BadValue
from audiences.models import Suppression
from audiences.presenting import reason_on_wire
from audiences.rights.erased import ERASED, forget, known, share_lock
from audiences.suppressing import Written, suppress
from audiences.suppression_rows import UNSUBSCRIBED, SuppressionRow, parse_suppression
from audiences.upsert import Rejection
from common.authorship import Actor
from common.deadlocks import retried
from common.errors import NotFound
from workspaces import audit

MAX_ROWS = 10_000
# What a file needs to be imported elsewhere, or here again.
EXPORTED = ("type", "value", "reason", "source", "created_at")
_EXPORT_PAGE = 5_000


@dataclass(slots=True)
class SuppressionReport:
    """`updated` are those that got a reason which they did not have, or a later time of unsubscribing."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@retried
def add_suppressions(*, workspace_id: int, rows: Sequence[Any], actor: Actor) -> SuppressionReport:
    """Rows are objects of `type`, `value`, `reason` (default `manual`), `source` and `created_at` (default now).

    One that exists keeps its reasons, and gets those that it does not have (`audiences.suppression_reasons`).
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
    found: list[SuppressionRow] = []
    now = timezone.now()
    for index, row in enumerate(rows):
        try:
            found.append(parse_suppression(row, now=now))
        except BadValue as error:
            place = f"{field_prefix}[{index}]." if field_prefix else ""
            report.rejected.append(Rejection(index, f"{place}{error.field}".rstrip("."), error.code, error.message))
    report.created, report.updated = _write(workspace_id, found)
    report.unchanged = len(found) - report.created - report.updated
    return report


@retried
def _write(workspace_id: int, rows: Sequence[SuppressionRow]) -> Written:
    share_lock(workspace_id)
    # Somebody who was erased is not written down again; the hash holds them back.
    hashed = known(workspace_id, {row.key for row in rows})
    return suppress(workspace_id, [row for row in rows if row.key not in hashed])


def every_suppression(found: QuerySet[Suppression]) -> Iterator[dict[str, Any]]:
    """All that match, oldest first, read a page at a time by key: millions need no memory. One with several reasons
    has a row for each, the strongest first, so that an import makes the same of them."""
    after = 0
    named = found.order_by("pk").values("pk", *EXPORTED, "other_reasons")
    while rows := list(named.filter(pk__gt=after)[:_EXPORT_PAGE]):
        for row in rows:
            others = row.pop("other_reasons")
            yield row
            yield from ({**row, **reason_on_wire(one)} for one in others)
        after = rows[-1]["pk"]


@retried
def remove_suppression(*, suppression_id: int, workspace_id: int, actor: Actor) -> None:
    """Lets the value be sent to again, where its consents allow it. Raises `NotFound` outside the workspace.

    A person's own unsubscribing is left where there was another reason too: it is removed by itself.
    """
    found = Suppression.objects.select_for_update().filter(pk=suppression_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound("This workspace has no such suppression.")
    if found.reason == ERASED:
        forget(workspace_id, (found.type, found.value))
    reasons = ", ".join([found.reason, *(one["reason"] for one in found.other_reasons)])
    _record(workspace_id, actor, "suppression removed", found.pk, str(found), reason=reasons)
    left = next((one for one in found.other_reasons if one["reason"] == UNSUBSCRIBED), None)
    if left is None:
        found.delete()
        return
    for name, value in reason_on_wire(left).items():
        setattr(found, name, value)
    found.other_reasons = []
    found.save(update_fields=["reason", "source", "created_at", "other_reasons"])


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
