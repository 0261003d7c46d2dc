"""Lanes: chains of short drain tasks, so that a huge campaign and a small one share the workers fairly.

Each slot of an execution has a ticket. A message may take the slot's next turn only if it carries the present
ticket, which its turn uses up: so a message that came twice, or was sent again because it seemed lost, ends
without a successor, and lanes never multiply.
"""

from typing import NamedTuple

from django.db import connection
from psycopg.sql import SQL, Literal

from executions.delivery.batches import ENDS
from executions.models import Lane
from executions.states import BatchState

LOST_AFTER_SECONDS = 10
ALIVE_SECONDS = 30
MAX_LANES = 64
DEFAULT_LANES = 2


class Turn(NamedTuple):
    """What a drain message says."""

    execution_id: int
    slot: int
    ticket: int


def open_lanes(execution_id: int, *, most: int = MAX_LANES) -> list[Turn]:
    """Wakes as many idle slots as there are batches due that nobody works on; the turns are to be enqueued."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            WITH due AS (
                SELECT count(*) AS n FROM (
                    SELECT FROM executions_batch b JOIN executions_execution e ON e.id = b.execution_id
                    LEFT JOIN providers_provider p ON p.id = e.provider_id
                    WHERE b.execution_id = {id} AND b.state <> {closed} AND b.lease_token IS NULL
                        AND ({ends} OR (e.state = 'running'
                            AND b.state = {open} AND b.not_before <= clock_timestamp()
                            AND (e.paced_until IS NULL OR e.paced_until <= clock_timestamp())
                            AND (p.unavailable_until IS NULL OR p.unavailable_until <= clock_timestamp())))
                    LIMIT {most}) d
            ), slots AS (
                SELECT slot FROM generate_series(0, least({processes}, {limit})::integer - 1) slot
                WHERE NOT EXISTS (SELECT FROM executions_lane l
                    WHERE l.execution_id = {id} AND l.slot = slot.slot AND NOT l.idle)
                ORDER BY slot LIMIT (SELECT n FROM due)
            )
            INSERT INTO executions_lane AS lane (execution_id, slot, ticket, idle, hinted_at)
            SELECT {id}, slot, 1, false, clock_timestamp() FROM slots ORDER BY slot
            ON CONFLICT (execution_id, slot) DO UPDATE
                SET idle = false, ticket = lane.ticket + 1, hinted_at = clock_timestamp() WHERE lane.idle
            RETURNING execution_id, slot, ticket
            """).format(
                id=Literal(execution_id),
                ends=ENDS,
                open=Literal(BatchState.OPEN.value),
                closed=Literal(BatchState.CLOSED.value),
                processes=_PROCESSES,
                limit=Literal(MAX_LANES),
                most=Literal(most),
            )
        )
        return [Turn(*row) for row in cursor.fetchall()]


_PROCESSES = SQL("""
    coalesce(nullif((SELECT sum(capacity) FROM executions_heartbeat
        WHERE component = 'worker' AND seen_at > clock_timestamp() - make_interval(secs => {})), 0), {})
""").format(Literal(ALIVE_SECONDS), Literal(DEFAULT_LANES))


def living_processes() -> int:
    """How many tasks the living workers run at once: an execution has as many lanes, up to `MAX_LANES`."""
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT {}").format(_PROCESSES))
        return int(cursor.fetchone()[0])


def begin_turn(turn: Turn) -> Turn | None:
    """Uses the ticket up; None if it was used already. The turn returned is the successor's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_lane SET ticket = ticket + 1, idle = false, hinted_at = clock_timestamp()"
            " WHERE execution_id = %s AND slot = %s AND ticket = %s",
            turn,
        )
        return turn._replace(ticket=turn.ticket + 1) if cursor.rowcount else None


def end_lane(successor: Turn) -> None:
    """Nothing was due: the sweep wakes the slot when something is."""
    Lane.objects.filter(execution_id=successor.execution_id, slot=successor.slot, ticket=successor.ticket).update(
        idle=True
    )


def lost_turns() -> list[Turn]:
    """Turns whose message seems lost; each is named at most once in `LOST_AFTER_SECONDS`, with the same ticket."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_lane l SET hinted_at = clock_timestamp() FROM executions_execution e
            WHERE e.id = l.execution_id AND NOT l.idle AND e.state IN ('running', 'cancelling')
                AND l.hinted_at < clock_timestamp() - make_interval(secs => {})
            RETURNING l.execution_id, l.slot, l.ticket
            """).format(Literal(LOST_AFTER_SECONDS))
        )
        return [Turn(*row) for row in cursor.fetchall()]
