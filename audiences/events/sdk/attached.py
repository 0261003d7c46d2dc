"""What an anonymous visitor did is held against triggers when an identify says who it was."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connection

from audiences.events.hits import NEWS_FOR, Arrived, write_hits_of
from audiences.events.new_event import NewEvent
from audiences.events.sdk.links import Attached
from audiences.events.triggers import active_triggers

# The last ones: so many that fit within a day are no person's.
MOST = 1_000


def trigger_attached(*, workspace_id: int, attached: Sequence[Attached], now: datetime) -> None:
    """In the transaction that attached them, which no other can do again: each is held against triggers once."""
    names = {one.name for one in attached}
    wanted = {trigger.event_name for trigger in active_triggers(workspace_id, names)} if names else set()
    keys = [one for one in attached if one.name in wanted]
    if keys:
        write_hits_of(workspace_id=workspace_id, arrived=list(_read(workspace_id, keys, now)), now=now)


def _read(workspace_id: int, keys: Sequence[Attached], now: datetime) -> Iterator[Arrived]:
    with connection.cursor() as cursor:
        cursor.execute(
            _READ, [[one.id for one in keys], [one.month for one in keys], workspace_id, now - NEWS_FOR, MOST]
        )
        for event_id, month, received_at, *event in cursor.fetchall():
            yield Arrived(event_id, month, received_at, NewEvent(*event))


_READ = """
SELECT e.id, e.received_month, e.received_at,
    e.source, e.name, e.at, e.message_id, e.message_key, e.contact_id, e.app_id, e.anonymous_id, e.properties::text
FROM unnest(%s::bigint[], %s::date[]) AS one(id, month)
JOIN audiences_event e ON e.workspace_id = %s AND e.id = one.id AND e.received_month = one.month
WHERE e.at >= %s ORDER BY e.id DESC LIMIT %s
"""
