"""What events of late would have done: what a person asks before activating a trigger."""

from datetime import UTC, timedelta
from typing import Any, NamedTuple

import orjson
from django.db import transaction
from psycopg.sql import SQL, Literal

from audiences.audience_definition import read_audience
from audiences.events.models import EventSource, EventTrigger
from audiences.segments.comparing import comparison_sql
from audiences.segments.selectors import TooSlow, bounded, moment_of
from audiences.sources import source_condition
from common.errors import FieldError
from executions.launching.segment_rules import audience_at_event, with_rules

LOOKED_BACK = timedelta(days=1)
LATEST_AMONG = 1_000
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
    properties = _latest_properties(trigger)
    if properties is None or trigger.audience is None:
        return None
    with transaction.atomic():
        awaiting = with_rules(trigger.workspace_id, read_audience(trigger.audience), awaits_event=True)
    audience, errors = audience_at_event(awaiting.stored, properties)
    errors = [*awaiting.errors, *errors]
    contacts = None if errors else _count(trigger.workspace_id, audience)
    return Latest(properties, contacts, errors)


def _latest_properties(trigger: EventTrigger) -> dict[str, Any] | None:
    """Among the last events of nobody, by the index on names: of anonymous visitors there may be any number."""
    try:
        with bounded() as cursor:
            cursor.execute(_LATEST, [trigger.workspace_id, trigger.event_name, LATEST_AMONG, EventSource.SERVER.value])
            found = cursor.fetchone()
    except TooSlow:
        return None
    return None if found is None else orjson.loads(found[0])


_LATEST = """
    SELECT properties::text FROM (
        SELECT at, source, properties FROM audiences_event
        WHERE workspace_id = %s AND name = %s AND contact_id IS NULL ORDER BY at DESC LIMIT %s) last
    WHERE source = %s ORDER BY at DESC LIMIT 1
"""


def _count(workspace_id: int, audience: dict[str, Any]) -> int | None:
    moment = moment_of(workspace_id)
    fits = source_condition(workspace_id=workspace_id, execution_id=None, audience=audience, moment=moment)
    try:
        with bounded() as cursor:
            cursor.execute(SQL("SELECT count(*) FROM audiences_contact c WHERE {}").format(fits))
            return int(cursor.fetchone()[0])
    except TooSlow:
        return None
