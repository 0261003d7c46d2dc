"""Freezes an execution's audience into batches, page by page; whoever is ruled out gets the ledger row at once.

A planner holds a lease. Each transaction commits a page's batches, planned skips and the cursor together, so a
killed planner is resumed where it was, and nobody is planned twice.
"""

import enum
import time
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from executions.delivery.batches import BATCH_SIZE
from executions.delivery.classify import Scope, contacts_sql, recipients_sql
from executions.delivery.freezing import freeze_for_planner
from executions.delivery.leases import LET_GO_IF_SILENT, expired, lease_end
from executions.delivery.partitions import ensure_partition
from executions.models import Execution
from executions.states import BatchState, Outcome

PAGE_CONTACTS = 20_000
TURN_SECONDS = 5.0


class Planned(enum.Enum):
    DONE = "done"
    MORE = "more"  # the turn is over; ask again
    NOT_OURS = "not ours"  # another planner has it, or it is not to be planned now


@dataclass(frozen=True, slots=True)
class _Plan:
    """A planner's hold on an execution. `until` is the greatest contact id when planning began."""

    execution_id: int
    token: UUID
    launched_on: date
    scope: Scope
    until: int


def plan(execution_id: int) -> Planned:
    """Plans for some seconds. A cancelled execution is planned too: its people get their rows as cancelled."""
    held = _acquire(execution_id)
    if held is None:
        return Planned.NOT_OURS
    ensure_partition(held.launched_on)
    if not freeze_for_planner(held.scope, execution_id=execution_id, token=held.token, until=held.until):
        return _not_ours(held)
    turn_ends = time.monotonic() + TURN_SECONDS
    while (more := _plan_page(held)) and time.monotonic() < turn_ends:
        pass
    if more:
        _let_go(held)
        return Planned.MORE
    return Planned.DONE if more is False and _complete(held) else _not_ours(held)


def _acquire(execution_id: int) -> _Plan | None:
    token = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET plan_token = {token}, plan_lease_until = {lease_end},
                plan_until = coalesce(plan_until,
                    (SELECT max(id) FROM audiences_contact c WHERE c.workspace_id = e.workspace_id), 0)
            WHERE id = {id} AND state IN ('planning', 'cancelling') AND size IS NULL
                AND (plan_token IS NULL OR {expired})
            RETURNING launched_on, plan_until
            """).format(
                token=Literal(token),
                lease_end=lease_end(),
                id=Literal(execution_id),
                expired=expired("plan_lease_until"),
            )
        )
        row = cursor.fetchone()
    if row is None:
        return None
    execution = Execution.objects.only("workspace_id", "type", "app_ids", "audience").get(pk=execution_id)
    return _Plan(execution_id, token, row[0], scope_of(execution), row[1])


def scope_of(execution: Execution) -> Scope:
    return Scope(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        type=execution.type,
        app_ids=tuple(execution.app_ids),
        audience=execution.audience,
    )


def _plan_page(held: _Plan) -> bool | None:
    """One page in one transaction: True when there may be more, False after the last, None when the lease is lost."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LET_GO_IF_SILENT)
        cursor.execute(
            SQL("""
            UPDATE executions_execution SET plan_lease_until = {lease_end}
            WHERE id = {id} AND plan_token = {token} AND state IN ('planning', 'cancelling') AND size IS NULL
            RETURNING plan_cursor
            """).format(lease_end=lease_end(), id=Literal(held.execution_id), token=Literal(held.token))
        )
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(_page_sql(held, after=row[0]))
        contacts, last, skips = cursor.fetchone()
        if not contacts:
            return False
        cursor.execute(_progress_sql(held, last, skips))
        return bool(contacts == PAGE_CONTACTS)


def _page_sql(held: _Plan, *, after: int) -> Composable:
    """Answers (contacts on the page, the last one's id, skip reason to count as JSON text)."""
    contacts = contacts_sql(held.scope, after=after, until=held.until, limit=PAGE_CONTACTS)
    return SQL("""
        WITH page AS MATERIALIZED ({contacts}),
        classified AS MATERIALIZED ({recipients}),
        ruled_out AS (
            INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,
                outcome, attempts, recorded_at, reason)
            SELECT {launched_on}, {execution}, contact_id, address_id, {workspace}, {skipped}, 0,
                clock_timestamp(), reason
            FROM classified WHERE reason IS NOT NULL
        ),
        numbered AS (
            SELECT contact_id, address_id, (row_number() OVER (ORDER BY contact_id, address_id) - 1) / {size} AS n
            FROM classified WHERE reason IS NULL
        ),
        batches AS MATERIALIZED (
            SELECT nextval(pg_get_serial_sequence('executions_batch', 'id')) AS id, n, contact_ids, address_ids FROM (
                SELECT n, array_agg(contact_id ORDER BY contact_id, address_id) AS contact_ids,
                    array_agg(address_id ORDER BY contact_id, address_id) AS address_ids
                FROM numbered GROUP BY n ORDER BY n) grouped
        ),
        hot AS (
            INSERT INTO executions_batch (id, execution_id, workspace_id, state, size, not_before, reason, attempt,
                crashes, position, marked_to, journal, sent, skipped, failed, unknown, parked, reasons)
            SELECT id, {execution}, {workspace}, {open}, cardinality(contact_ids), clock_timestamp(), 'ready', 0,
                0, 0, 0, '', 0, 0, 0, 0, 0, '{{}}' FROM batches
        ),
        arrays AS (
            INSERT INTO executions_batchrecipients (batch_id, contact_ids, address_ids)
            SELECT id, contact_ids, address_ids FROM batches
        )
        SELECT count(*), max(id), coalesce((SELECT jsonb_object_agg(reason, n) FROM (
            SELECT reason, count(*) AS n FROM classified WHERE reason IS NOT NULL GROUP BY reason) r), '{{}}')
        FROM page
    """).format(
        contacts=contacts,
        recipients=recipients_sql(held.scope, SQL("SELECT id FROM page"), until=held.until, one_by_one=True),
        launched_on=Literal(held.launched_on),
        execution=Literal(held.execution_id),
        workspace=Literal(held.scope.workspace_id),
        skipped=Literal(Outcome.SKIPPED.value),
        open=Literal(BatchState.OPEN.value),
        size=Literal(BATCH_SIZE),
    )


def _progress_sql(held: _Plan, last: int, skips: str) -> Composable:
    return SQL("""
        UPDATE executions_execution SET plan_cursor = {last}, planned_skips = (
            SELECT coalesce(jsonb_object_agg(reason, n), '{{}}') FROM (
                SELECT key AS reason, sum(value::bigint) AS n
                FROM (SELECT * FROM jsonb_each_text(planned_skips)
                    UNION ALL SELECT * FROM jsonb_each_text({skips}::jsonb)) every
                GROUP BY key) summed)
        WHERE id = {id}
    """).format(last=Literal(last), skips=Literal(skips), id=Literal(held.execution_id))


def _complete(held: _Plan) -> bool:
    """Nothing has been delivered yet, so the batches hold everyone who was not ruled out."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET state = CASE state WHEN 'planning' THEN 'running' ELSE state END,
                plan_token = NULL, plan_lease_until = NULL, started_at = coalesce(started_at, clock_timestamp()),
                size = (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(planned_skips))
                    + (SELECT coalesce(sum(b.size), 0) FROM executions_batch b WHERE b.execution_id = e.id)
            WHERE id = {id} AND plan_token = {token} AND state IN ('planning', 'cancelling') AND size IS NULL
            """).format(id=Literal(held.execution_id), token=Literal(held.token))
        )
        return bool(cursor.rowcount)


def _not_ours(held: _Plan) -> Planned:
    _let_go(held)
    return Planned.NOT_OURS


def _let_go(held: _Plan) -> None:
    """So that the next planner need not wait for the lease's end. Nothing happens if it is another's already."""
    Execution.objects.filter(pk=held.execution_id, plan_token=held.token).update(plan_token=None, plan_lease_until=None)
