"""Events that wait are taken from the queue: those that are due, in the transaction that promotes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from psycopg.sql import SQL, Literal

from audiences.segments.comparing import comparison_sql
from audiences.segments.selectors import moment_of
from executions.models import TriggerActivation

# An event's own time is at most this long after the month in which it was received.
_EARLY = timedelta(days=1)


class Claimed(NamedTuple):
    """A hit that was taken: nobody else has it, and it is back if the transaction is not committed."""

    contact_id: int | None
    event_id: int
    received_month: date
    at: datetime


def claim(activation: TriggerActivation, *, most: int) -> list[Claimed]:
    """What is due, the longest first; of one whose waiting events are dropped, all that there is.

    `clock_timestamp()` could not bound the index: all that waits for its delay would be read each time.
    """
    due = SQL("TRUE") if activation.drops_waiting else SQL("due_at <= statement_timestamp()")
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            DELETE FROM audiences_triggerhit WHERE id = ANY (ARRAY(
                SELECT id FROM audiences_triggerhit WHERE activation_id = {activation} AND {due}
                ORDER BY due_at LIMIT {most} FOR UPDATE SKIP LOCKED))
            RETURNING due_at, event_id, contact_id, received_month, at
            """).format(activation=Literal(activation.pk), due=due, most=Literal(most))
        )
        rows = sorted(cursor.fetchall())
    return [Claimed(contact_id, event_id, month, at) for _, event_id, contact_id, month, at in rows]


def next_due(activation_id: int) -> float | None:
    """Seconds until the next event is due, below zero where it is; None where none waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM audiences_triggerhit"
            " WHERE activation_id = %s",
            [activation_id],
        )
        found: float | None = cursor.fetchone()[0]
        return found


def stopped(activation: TriggerActivation, hits: Sequence[Claimed]) -> set[int]:
    """The event ids of those after which the contact did what stops the message; asked now, not when it was done,
    so that it does not matter which of the two was told of first."""
    definition: Mapping[str, Any] = activation.definition
    if not definition["cancel_event"] or not hits:
        return set()
    moment = moment_of(activation.workspace_id)
    fits = [comparison_sql(SQL("e.properties"), one, moment) for one in definition["cancel_conditions"]]
    earliest = min(hit.at for hit in hits).astimezone(UTC) - _EARLY
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            SELECT given.event_id
            FROM unnest({contacts}::bigint[], {events}::bigint[], {ats}::timestamptz[]) given (contact_id, event_id, at)
            WHERE EXISTS (SELECT FROM audiences_event e
                WHERE e.workspace_id = {workspace} AND e.name = {name} AND e.contact_id = given.contact_id
                AND e.at >= given.at AND (e.at, e.id) > (given.at, given.event_id)
                AND e.received_month >= {month}{fits})
            """).format(
                contacts=Literal([hit.contact_id for hit in hits]),
                events=Literal([hit.event_id for hit in hits]),
                ats=Literal([hit.at for hit in hits]),
                workspace=Literal(activation.workspace_id),
                name=Literal(definition["cancel_event"]),
                month=Literal(earliest.date().replace(day=1)),
                fits=SQL("").join(SQL(" AND {}").format(one) for one in fits),
            )
        )
        return {row[0] for row in cursor.fetchall()}
