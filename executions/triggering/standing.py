"""The execution that an hour's events add recipients to: it runs until the hour is over, and then finishes.

Adding is what a planner's page does, for the contacts given: batches, the ledger's rows of those ruled out, the
recipients' events and the size, together. So size = recipients = ledger + pending at every commit.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models.functions import Now
from psycopg.sql import SQL, Composable, Literal

from executions.activation_models import FROZEN
from executions.delivery.batches import BATCH_SIZE
from executions.delivery.classify import Scope, candidates_sql
from executions.delivery.partitions import ensure_partition
from executions.delivery.planned_rows import planned_rows_sql, skips_sql
from executions.delivery.planning import add_planned_skips, scope_of
from executions.models import Execution, TriggerActivation
from executions.states import BatchState, State
from executions.triggering.claiming import Claimed

AUDIENCE = "trigger"
# Recipients: two batches.
ENOUGH = 2 * BATCH_SIZE
# An activation of a year ago has ten thousand executions.
LOOKED_BACK_HOURS = 25
# A cap that defers, and events that come faster than it lets them go, would keep an hour's execution open for ever.
SENT_FOR = timedelta(days=7)
OPEN = frozenset({State.RUNNING, State.PAUSED})


def standing_execution(activation: TriggerActivation, *, until: datetime, occurrence: int) -> Execution:
    """Locked: it can't be finished, paused or cancelled before the transaction ends. Under the promoting's lock."""
    found = Execution.objects.filter(activation=activation, accepts_until=until, occurrence=occurrence)
    locked = found.select_for_update(no_key=True).first()
    return locked if locked is not None else _make(activation, until, occurrence)


def _make(activation: TriggerActivation, until: datetime, occurrence: int) -> Execution:
    execution = Execution(
        **frozen(activation),
        audience={"type": AUDIENCE, "event": activation.definition["event_name"], "exclude": []},
        state=State.RUNNING,
        size=0,
        started_at=Now(),
        accepts_until=until,
        occurrence=occurrence,
        cut_off_at=until + SENT_FOR,
    )
    execution.save(force_insert=True)
    execution.refresh_from_db(fields=["launched_on"])
    ensure_partition(execution.launched_on)
    return execution


class InLine(NamedTuple):
    """Of an activation. `enough`: so many wait for a worker that more would only be more executions in line, and an
    activation with a backlog has no more turns than a broadcast. `moves`: one is at work on them."""

    enough: bool
    moves: bool


def in_line(activation: TriggerActivation) -> InLine:
    if activation.drops_waiting:
        return InLine(enough=False, moves=False)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [activation.pk, LOOKED_BACK_HOURS, BatchState.OPEN.value])
        waiting, moves = cursor.fetchone()
        return InLine(waiting >= ENOUGH, moves)


_WAITING = """
    SELECT coalesce(sum(b.size - b.position) FILTER (
            WHERE b.lease_token IS NULL AND b.not_before <= clock_timestamp()), 0),
        coalesce(bool_or(b.lease_token IS NOT NULL), false)
    FROM executions_execution e JOIN executions_batch b ON b.execution_id = e.id
    WHERE e.activation_id = %s AND e.accepts_until > statement_timestamp() - make_interval(hours => %s)
        AND e.state = 'running' AND b.state = %s
"""


def frozen(activation: TriggerActivation) -> dict[str, Any]:
    """What an execution of this activation is made with, whoever activated it being its author."""
    authored = ("created_by_kind", "created_by_id", "created_by_name")
    owned = ("workspace_id", "campaign_id")
    return {name: getattr(activation, name) for name in (*FROZEN, *authored, *owned)} | {"activation": activation}


def add(execution: Execution, hits: Sequence[Claimed]) -> Collection[int]:
    """Each contact once at most: the ledger holds it once. Answers the contacts that are there still."""
    scope = scope_of(execution)
    with connection.cursor() as cursor:
        cursor.execute(_adding(scope, execution, hits))
        contacts, recipients, skips = cursor.fetchone()
        cursor.execute("UPDATE executions_execution SET size = size + %s WHERE id = %s", [recipients, execution.pk])
        if skips != "{}":
            add_planned_skips(cursor, execution.pk, skips)
    return set(contacts)


def _adding(scope: Scope, execution: Execution, hits: Sequence[Claimed]) -> Composable:
    """Whoever has another's address is sent to as well: each of the two has an event of its own."""
    return SQL("""
        WITH given AS MATERIALIZED (
            SELECT * FROM unnest({contacts}::bigint[], {events}::bigint[], {months}::date[])
                AS one (contact_id, event_id, received_month)
        ),
        found AS MATERIALIZED ({candidates}),
        told AS (
            INSERT INTO executions_recipientdata (execution_id, contact_id, event)
            SELECT {execution}, g.contact_id, jsonb_build_object(
                'id', e.id, 'name', e.name, 'at', e.at, 'properties', e.properties)
            FROM given g JOIN audiences_event e
                ON e.workspace_id = {workspace} AND e.id = g.event_id AND e.received_month = g.received_month
            WHERE g.contact_id IN (SELECT contact_id FROM found)
        ), {rows}
        SELECT ARRAY(SELECT DISTINCT contact_id FROM found), (SELECT count(*) FROM found), {skips}
    """).format(
        contacts=Literal([hit.contact_id for hit in hits]),
        events=Literal([hit.event_id for hit in hits]),
        months=Literal([hit.received_month for hit in hits]),
        candidates=candidates_sql(scope, _contacts(scope), one_by_one=True),
        execution=Literal(execution.pk),
        workspace=Literal(execution.workspace_id),
        rows=planned_rows_sql(scope, SQL("found"), launched_on=execution.launched_on),
        skips=skips_sql(SQL("found")),
    )


def _contacts(scope: Scope) -> Composable:
    known = SQL("SELECT c.id FROM given g JOIN audiences_contact c ON c.id = g.contact_id AND c.workspace_id = {}")
    return known.format(Literal(scope.workspace_id))
