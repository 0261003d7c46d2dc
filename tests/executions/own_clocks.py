"""Hours and quiet hours set by now, for tests that move zones and not the clock."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from executions.delivery.planning import plan
from executions.launching.checks import database_time
from executions.models import Batch, Execution, QuietHours
from executions.states import BatchState
from tests.executions.rows import ledger
from tests.factories import make_quiet_hours
from workspaces.models import Workspace

HOUR = timedelta(hours=1)
EAST, HOME, WEST = "Etc/GMT-6", "UTC", "Etc/GMT+6"


def wall_now(hours: float = 0) -> datetime:
    """What clocks in UTC show, so many hours from now: in the middle of an hour, so that no test runs past its end."""
    return (database_time() + hours * HOUR).astimezone(UTC).replace(tzinfo=None, microsecond=0)


def quiet_now(workspace: Workspace, **fields: Any) -> QuietHours:
    """Quiet from two hours ago to in three, on the wall in UTC."""
    now = wall_now()
    minute = now.hour * 60 + now.minute
    return make_quiet_hours(workspace, starts=(minute - 120) % 1440, ends=(minute + 180) % 1440, **fields)


def waits(execution: Execution) -> Counter[tuple[str, datetime]]:
    """Recipients by why and until when their batch waits."""
    found: Counter[tuple[str, datetime]] = Counter()
    for batch in Batch.objects.filter(execution=execution, state=BatchState.OPEN):
        found[batch.reason, batch.not_before] += batch.size
    return found


def planned(execution: Execution) -> Execution:
    plan(execution.pk)
    execution.refresh_from_db()
    return execution


def by_reason(execution: Execution) -> Counter[str | None]:
    return Counter(reason or outcome for _, _, outcome, reason in ledger(execution))
