"""The counts of what is settled, moved in a batch of their own, which has no recipients: its `unknown` is negative."""

from collections.abc import Mapping

from django.db.models import F

from executions.models import Batch, Execution
from executions.states import BatchState

REASON = "settled"


def move_counts(
    execution: Execution, changes: Mapping[str, int], reasons: Mapping[str, Mapping[str, int]] | None = None
) -> None:
    """`changes`, by outcome (or parked), add up to nothing. In the transaction that holds `lock_execution`."""
    made, _ = Batch.objects.get_or_create(
        execution=execution,
        state=BatchState.CLOSED,
        reason=REASON,
        size=0,
        defaults={"workspace_id": execution.workspace_id},
    )
    merged = {outcome: dict(counts) for outcome, counts in made.reasons.items()}
    for outcome, counts in (reasons or {}).items():
        into = merged.setdefault(outcome, {})
        for reason, number in counts.items():
            into[reason] = into.get(reason, 0) + number
    change = {name: F(name) + number for name, number in changes.items()}
    Batch.objects.filter(pk=made.pk).update(**change, reasons=merged)
