"""Events that wait are taken from the queue: those that are due, in the transaction that promotes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from psycopg.sql import SQL, Composable, Literal

from audiences.events.cancelling import Triggering, cancelled_sql
from audiences.segments.referring import refers
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
    """The event ids of those after which the contact did what stops the message. It is asked again of whoever is about
    to be sent to (`executions.delivery.cancelling`)."""
    definition: Mapping[str, Any] = activation.definition
    if not definition["cancel_event"] or not hits:
        return set()
    earliest = min(hit.at for hit in hits).astimezone(UTC) - _EARLY
    cancelled = cancelled_sql(
        workspace_id=activation.workspace_id,
        event_name=definition["cancel_event"],
        conditions=definition["cancel_conditions"],
        triggering=_given(Literal(earliest.date().replace(day=1))),
        moment=moment_of(activation.workspace_id),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            SELECT given.event_id
            FROM unnest({contacts}::bigint[], {events}::bigint[], {ats}::timestamptz[], {months}::date[])
                given (contact_id, event_id, at, month){told} WHERE {cancelled}
            """).format(
                contacts=Literal([hit.contact_id for hit in hits]),
                events=Literal([hit.event_id for hit in hits]),
                ats=Literal([hit.at for hit in hits]),
                months=Literal([hit.received_month for hit in hits]),
                told=_told(activation.workspace_id) if any(map(refers, definition["cancel_conditions"])) else SQL(""),
                cancelled=cancelled,
            )
        )
        return {row[0] for row in cursor.fetchall()}


def _given(month: Composable) -> Triggering:
    return Triggering(
        contact_id=SQL("given.contact_id"),
        event_id=SQL("given.event_id"),
        at=SQL("given.at"),
        month=month,
        properties=SQL("told.properties"),
    )


def _told(workspace_id: int) -> Composable:
    return SQL("""
        LEFT JOIN audiences_event told ON told.workspace_id = {} AND told.id = given.event_id
            AND told.received_month = given.month
    """).format(Literal(workspace_id))
