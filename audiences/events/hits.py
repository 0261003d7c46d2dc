"""Writes which triggers the events of a request fit, in the transaction that records the events.

So an accepted event has its hits, or neither exists. What happens to them later is `executions.triggering`'s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, partial
from typing import NamedTuple
from uuid import UUID

import orjson
from django.db import connection, transaction

from audiences.events.models import EventSource
from audiences.events.new_event import NewEvent
from audiences.events.trigger_models import EventTrigger
from audiences.events.triggers import active_triggers
from audiences.segments.matching import fits_all
from audiences.segments.periods import Moment
from audiences.segments.selectors import moment_of
from common import alarms

# An event that is told of so late is history: nobody is to get a message for what they did last week.
NEWS_FOR = timedelta(days=1)
_Asked = Callable[[], Moment]


class Hit(NamedTuple):
    """A row of `TriggerHit`."""

    activation_id: int
    contact_id: int | None
    event_id: int
    at: datetime
    due_at: datetime


def write_hits(
    *, workspace_id: int, events: Sequence[NewEvent], ids: Mapping[UUID, int], month: date, now: datetime
) -> None:
    """`ids` are those of the events that were written, by message key. Tells the workers after the commit."""
    new = [one for one in events if one.message_key in ids and one.at >= now - NEWS_FOR]
    triggers = active_triggers(workspace_id, {one.name for one in new}) if new else ()
    if not triggers:
        return
    hits = list(_hits(new, triggers, ids, now, cache(partial(moment_of, workspace_id))))
    if not hits:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [workspace_id, month, *map(list, zip(*hits, strict=True))])
    wake = {hit.activation_id: (hit.due_at - now).total_seconds() for hit in hits}
    transaction.on_commit(lambda: _tell_workers(wake), robust=True)


def _hits(
    events: Sequence[NewEvent], triggers: Sequence[EventTrigger], ids: Mapping[UUID, int], now: datetime, moment: _Asked
) -> Iterator[Hit]:
    """Of messages that came twice in the request, the first is the one that was written."""
    by_name = defaultdict(list)
    for trigger in triggers:
        by_name[trigger.event_name].append(trigger)
    for event in {one.message_key: one for one in reversed(events)}.values():
        for trigger in by_name.get(event.name, ()):
            if trigger.activation_id is not None and _fits(event, trigger, moment):
                due_at = now + timedelta(seconds=trigger.delay_seconds)
                yield Hit(trigger.activation_id, event.contact_id, ids[event.message_key], event.at, due_at)


def _fits(event: NewEvent, trigger: EventTrigger, moment: _Asked) -> bool:
    """Only what a server says, with a key that is not public, is an event of the business."""
    if trigger.business:
        if event.contact_id is not None or event.source != EventSource.SERVER:
            return False
    elif event.contact_id is None:
        return False
    return not trigger.conditions or fits_all(orjson.loads(event.properties), trigger.conditions, moment)


def _tell_workers(wake: Mapping[int, float]) -> None:
    for activation_id, seconds in wake.items():
        alarms.set_alarm(alarms.TRIGGERS, activation_id, seconds)


_INSERT = """
INSERT INTO audiences_triggerhit (workspace_id, received_month, activation_id, contact_id, event_id, at, due_at)
SELECT %s, %s, one.* FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) one
"""
