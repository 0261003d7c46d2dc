"""Writes which triggers the events of a request fit, in the transaction that records the events.

So an accepted event has its hits, or neither exists. What happens to them later is `executions.triggering`'s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, cached_property, partial
from typing import Any, NamedTuple
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


class Arrived(NamedTuple):
    """An event of somebody, or of the business, that is in its table; `month` is its `received_month`."""

    id: int
    month: date
    received_at: datetime
    event: NewEvent


class Hit(NamedTuple):
    """A row of `TriggerHit`."""

    activation_id: int
    contact_id: int | None
    event_id: int
    month: date
    at: datetime
    due_at: datetime


def write_hits(
    *, workspace_id: int, events: Sequence[NewEvent], ids: Mapping[UUID, int], month: date, now: datetime
) -> None:
    """`ids` are those of the events that were written, by message key. Of messages that came twice in the request,
    the first is the one that was written. Tells the workers after the commit."""
    first = {one.message_key: one for one in reversed(events)}.values()
    new = [Arrived(ids[one.message_key], month, now, one) for one in first if one.message_key in ids]
    write_hits_of(workspace_id=workspace_id, arrived=new, now=now)


def write_hits_of(*, workspace_id: int, arrived: Sequence[Arrived], now: datetime) -> None:
    """Of those received before `now`, whose person is known only now, a trigger has what came since it is active."""
    news = [one for one in arrived if one.event.at >= now - NEWS_FOR]
    triggers = active_triggers(workspace_id, {one.event.name for one in news}) if news else ()
    if not triggers:
        return
    hits = list(_hits(news, triggers, now, cache(partial(moment_of, workspace_id))))
    if not hits:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [workspace_id, *map(list, zip(*hits, strict=True))])
    wake = {hit.activation_id: (hit.due_at - now).total_seconds() for hit in hits}
    transaction.on_commit(lambda: _tell_workers(wake), robust=True)


def _hits(arrived: Sequence[Arrived], triggers: Sequence[EventTrigger], now: datetime, moment: _Asked) -> Iterator[Hit]:
    by_name = defaultdict(list)
    for trigger in triggers:
        by_name[trigger.event_name].append(trigger)
    for event_id, month, received_at, event in arrived:
        properties = _Properties(event.properties)
        for trigger in by_name.get(event.name, ()):
            if trigger.activation_id is None or (received_at < now and not _was_active(trigger, received_at)):
                continue
            if _fits(event, properties, trigger, moment):
                due_at = max(now, received_at + timedelta(seconds=trigger.delay_seconds))
                yield Hit(trigger.activation_id, event.contact_id, event_id, month, event.at, due_at)


def _was_active(trigger: EventTrigger, at: datetime) -> bool:
    return trigger.activated_at is not None and trigger.activated_at <= at


class _Properties:
    """Read once, and only if a trigger asks for them."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def read(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = orjson.loads(self._text)
        return found


def _fits(event: NewEvent, properties: _Properties, trigger: EventTrigger, moment: _Asked) -> bool:
    """Only what a server says, with a key that is not public, is an event of the business."""
    if trigger.business:
        if event.contact_id is not None or event.source != EventSource.SERVER:
            return False
    elif event.contact_id is None:
        return False
    return not trigger.conditions or fits_all(properties.read, trigger.conditions, moment)


def _tell_workers(wake: Mapping[int, float]) -> None:
    for activation_id, seconds in wake.items():
        alarms.set_alarm(alarms.TRIGGERS, activation_id, seconds)


_INSERT = """
INSERT INTO audiences_triggerhit (workspace_id, activation_id, contact_id, event_id, received_month, at, due_at)
SELECT %s, one.*
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::timestamptz[], %s::timestamptz[]) one
"""
