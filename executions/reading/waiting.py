"""Who waits for a time by their own clock, until when, and where that is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from common.wall_clock import wall_of, zone_named, zone_or_utc
from executions.models import Execution
from executions.states import BatchState, SkipReason
from executions.timing.local_time import LOCAL_TIME, QUIET_HOURS

BY_CLOCK = (LOCAL_TIME, QUIET_HOURS)
SHOWN = 10
IN_WORDS = 3


class Waiting(NamedTuple):
    """So many recipients who are due at the same instant, for the same reason."""

    until: datetime
    reason: str
    recipients: int

    def as_wire(self) -> dict[str, Any]:
        return {"until": self.until, "reason": self.reason, "count": self.recipients}


def waiting_in_words(execution: Execution, waiting: Sequence[Waiting]) -> list[str]:
    """The next of them, each at what a clock will show where one of its people is; and how many more there are."""
    said = [_in_words(one, zone) for one, zone in zip(waiting, _zones(execution, waiting[:IN_WORDS]), strict=False)]
    if later := sum(one.recipients for one in waiting[IN_WORDS:]):
        said.append(f"{later:,} later, the last at {waiting[-1].until:%Y-%m-%d %H:%M} UTC")
    return said


def _in_words(one: Waiting, name: str) -> str:
    zone = zone_or_utc(name)
    why = ", when their quiet hours end" if one.reason == SkipReason.QUIET_HOURS else ""
    there = f"{wall_of(one.until, zone):%H:%M} in {zone.key}{why}"
    return f"{one.recipients:,} at {there} ({one.until:%Y-%m-%d %H:%M} UTC)"


def _zones(execution: Execution, waiting: Sequence[Waiting]) -> list[str]:
    """Of the first recipient of each: all of them have the same instant, and most of them the same zone."""
    if not waiting:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _FIRST,
            {
                "untils": [one.until for one in waiting],
                "execution": execution.pk,
                "workspace": execution.workspace_id,
                "open": BatchState.OPEN.value,
                "by_clock": list(BY_CLOCK),
            },
        )
        return [name if zone_named(name) else home for name, home in cursor.fetchall()]


_FIRST = """
    SELECT coalesce(c.timezone, ''), w.timezone
    FROM unnest(%(untils)s::timestamptz[]) WITH ORDINALITY AS u (until, n)
    LEFT JOIN LATERAL (
        SELECT b.id, b.position FROM executions_batch b
        WHERE b.execution_id = %(execution)s AND b.state = %(open)s AND b.not_before = u.until
            AND b.reason = ANY (%(by_clock)s::text[])
        ORDER BY b.id LIMIT 1) b ON TRUE
    LEFT JOIN executions_batchrecipients r ON r.batch_id = b.id
    LEFT JOIN audiences_contact c ON c.id = r.contact_ids[b.position + 1]
    JOIN workspaces_workspace w ON w.id = %(workspace)s
    ORDER BY u.n
"""
