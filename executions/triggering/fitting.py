"""What events of late would have done: what a person asks before activating a trigger."""

from datetime import UTC, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from psycopg.sql import SQL, Literal

from audiences.audience_definition import read_audience
from audiences.events.models import Event, EventSource, EventTrigger
from audiences.segments.comparing import comparison_sql
from audiences.segments.selectors import TooSlow, bounded, moment_of
from audiences.sources import source_condition
from common.errors import FieldError
from executions.launching.segment_rules import audience_at_event, with_rules

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


class Latest(NamedTuple):
    """The latest event of the business of a trigger's name: whom it would have launched to, or why to nobody."""

    properties: dict[str, Any]
    contacts: int | None
    errors: list[FieldError]


def latest_of_the_business(trigger: EventTrigger) -> Latest | None:
    """None where there was none. `contacts` is None where they take too long to count."""
    events = Event.objects.filter(workspace_id=trigger.workspace_id, name=trigger.event_name, contact_id__isnull=True)
    event = events.filter(source=EventSource.SERVER).order_by("-at").first()
    if event is None or trigger.audience is None:
        return None
    with transaction.atomic():
        awaiting = with_rules(trigger.workspace_id, read_audience(trigger.audience), awaits_event=True)
    audience, errors = audience_at_event(awaiting.stored, event.properties)
    errors = [*awaiting.errors, *errors]
    contacts = None if errors else _count(trigger.workspace_id, audience)
    return Latest(event.properties, contacts, errors)


def _count(workspace_id: int, audience: dict[str, Any]) -> int | None:
    moment = moment_of(workspace_id)
    fits = source_condition(workspace_id=workspace_id, execution_id=None, audience=audience, moment=moment)
    try:
        with bounded() as cursor:
            cursor.execute(SQL("SELECT count(*) FROM audiences_contact c WHERE {}").format(fits))
            return int(cursor.fetchone()[0])
    except TooSlow:
        return None
