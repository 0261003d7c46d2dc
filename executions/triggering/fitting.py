"""How many events of late a trigger fits: what a person asks before activating it."""

from datetime import UTC, timedelta
from typing import NamedTuple

from psycopg.sql import SQL, Literal

from audiences.events.models import EventSource, EventTrigger
from audiences.segments.comparing import comparison_sql
from audiences.segments.selectors import TooSlow, bounded, moment_of

LOOKED_BACK = timedelta(days=1)
# An event's own time is at most this long after the month in which it was received.
_EARLY = timedelta(days=1)


class Fitting(NamedTuple):
    """Events of the last day, and how many contacts they are of."""

    events: int
    contacts: int


def fitting_of_late(trigger: EventTrigger) -> Fitting | None:
    """None where that takes too long to count."""
    moment = moment_of(trigger.workspace_id)
    since = moment.now - LOOKED_BACK
    whose = SQL("e.contact_id IS NULL AND e.source = {}").format(Literal(EventSource.SERVER.value))
    conditions = [
        SQL("e.workspace_id = {}").format(Literal(trigger.workspace_id)),
        SQL("e.name = {}").format(Literal(trigger.event_name)),
        SQL("e.at >= {}").format(Literal(since)),
        SQL("e.received_month >= {}").format(Literal((since.astimezone(UTC) - _EARLY).date().replace(day=1))),
        whose if trigger.business else SQL("e.contact_id IS NOT NULL"),
        *(comparison_sql(SQL("e.properties"), one, moment) for one in trigger.conditions),
    ]
    counting = SQL("SELECT count(*), count(DISTINCT e.contact_id) FROM audiences_event e WHERE {}")
    try:
        with bounded() as cursor:
            cursor.execute(counting.format(SQL(" AND ").join(conditions)))
            return Fitting(*cursor.fetchone())
    except TooSlow:
        return None
