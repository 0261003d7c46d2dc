"""Writes events, one INSERT whatever their number, and whom they trigger. What was received before is left out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audiences.events.hits import write_hits
from audiences.events.new_event import NewEvent as NewEvent
from common.partitions import ensure_partition, month_of

TABLE = "audiences_event"
# Days of a new month in which the one before is searched for the same message too.
REMEMBERED_DAYS = 7
_known_months: set[date] = set()


def database_now() -> datetime:
    """The transaction's time: what `received_at` will be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now


def record(*, workspace_id: int, events: Sequence[NewEvent], now: datetime) -> Mapping[UUID, int]:
    """The ids of those that are new, by message key. `now` is `database_now()` of the transaction around it."""
    if not events:
        return {}
    month, remembered = _months(now)
    _ensure(month)
    written: dict[str, Any] = {
        "workspace_id": workspace_id,
        "month": month,
        "now": now,
        "remembered": remembered,
        **{name: [getattr(one, name) for one in events] for name in _COLUMNS},
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, written)
        ids: dict[UUID, int] = dict(cursor.fetchall())
    write_hits(workspace_id=workspace_id, events=events, ids=ids, month=month, now=now)
    return ids


def received_before(*, workspace_id: int, keys: Sequence[UUID], now: datetime) -> set[UUID]:
    """Those of the message keys that `record` would leave out."""
    month, remembered = _months(now)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [workspace_id, list(keys), remembered, month])
        return {key for (key,) in cursor.fetchall()}


def _months(now: datetime) -> tuple[date, date]:
    """That of `now`, and the first in which a message is searched for."""
    at = now.astimezone(UTC)
    return month_of(at), month_of(at - timedelta(days=REMEMBERED_DAYS))


def _ensure(month: date) -> None:
    """Beat makes months ahead; without it, the first event of a month does."""
    if month not in _known_months:
        ensure_partition([TABLE], month)
        transaction.on_commit(partial(_known_months.add, month))


_COLUMNS = (
    "contact_id",
    "app_id",
    "source",
    "name",
    "at",
    "anonymous_id",
    "message_id",
    "message_key",
    "properties",
    "context",
)

_KNOWN = """
SELECT message_key FROM audiences_event
WHERE workspace_id = %s AND message_key = ANY(%s::uuid[]) AND received_month BETWEEN %s AND %s
"""

# Ids follow the order of the events. Rows are written in the order of their keys, so that two callers who send the
# same messages at once wait for each other, and never both.
_INSERT = """
INSERT INTO audiences_event (workspace_id, id, received_month, contact_id, app_id, source, name, at, received_at,
                             anonymous_id, message_id, message_key, properties, context)
OVERRIDING SYSTEM VALUE
SELECT %(workspace_id)s, given.id, %(month)s, contact_id, app_id, source, name, at, %(now)s,
       anonymous_id, message_id, message_key, properties::jsonb, context::jsonb
FROM (
    SELECT nextval(pg_get_serial_sequence('audiences_event', 'id')) AS id, one.*
    FROM unnest(%(contact_id)s::bigint[], %(app_id)s::bigint[], %(source)s::text[], %(name)s::text[],
                %(at)s::timestamptz[], %(anonymous_id)s::text[], %(message_id)s::text[], %(message_key)s::uuid[],
                %(properties)s::text[], %(context)s::text[])
         AS one(contact_id, app_id, source, name, at, anonymous_id, message_id, message_key, properties, context)
) given
WHERE NOT EXISTS (
    SELECT FROM audiences_event known
    WHERE known.workspace_id = %(workspace_id)s AND known.message_key = given.message_key
      AND known.received_month >= %(remembered)s AND known.received_month < %(month)s
)
ORDER BY message_key, id
ON CONFLICT DO NOTHING
RETURNING message_key, id
"""
