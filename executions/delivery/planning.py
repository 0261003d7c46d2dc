"""Freezes an execution's audience into batches, page by page; whoever is ruled out gets the ledger row at once.

A planner holds a lease. Each transaction commits a page's batches, planned skips and the cursor together, so a
killed planner is resumed where it was, and nobody is planned twice.
"""

import enum
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError, connection, transaction
from psycopg.sql import SQL, Composable, Literal

from audiences.models import Suppression
from executions.delivery.batches import BATCH_SIZE
from executions.delivery.classify import Scope, contacts_sql
from executions.delivery.clocks import Starts, terms_of
from executions.delivery.freezing import freeze_for_planner
from executions.delivery.leases import PLAN_LEASE_SECONDS, expired, lease_end
from executions.delivery.page import Page, page_sql
from executions.delivery.partitions import ensure_partition
from executions.delivery.retried import retried_before
from executions.delivery.shared_addresses import Frozen, forget, freeze
from executions.delivery.steps import keep_lease, plan_lock, step
from executions.models import Execution

PAGE_CONTACTS = 50_000
# As long as a lane's turn: the planner of a huge audience leaves the process to others as often.
TURN_SECONDS = 1.0
FAILED = "planning_failed"
LEAST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 600


class Planned(enum.Enum):
    DONE = "done"
    MORE = "more"  # the turn is over; ask again
    NOT_OURS = "not ours"  # another planner has it, or it is not to be planned now


@dataclass(slots=True)
class _Plan:
    """A planner's hold on an execution. `until` is the greatest contact id when planning began.

    `starts`: when whom is due, by their clocks; None for all at once.
    """

    execution_id: int
    token: UUID
    launched_on: date
    scope: Scope
    until: int
    cursor: int
    frozen: Frozen | None
    few_suppressions: bool
    starts: Starts | None


def plan(execution_id: int) -> Planned:
    """Plans for some seconds. A cancelled execution is planned too: its people get their rows as cancelled.

    Whatever is raised is said on the execution, which is planned again after a while.
    """
    held = _acquire(execution_id)
    if held is None:
        return Planned.NOT_OURS
    try:
        return _go_on(held)
    except Exception as error:
        _put_off(held, error)
        raise


def _go_on(held: _Plan) -> Planned:
    ensure_partition(held.launched_on)
    if not freeze_for_planner(held.scope, execution_id=held.execution_id, token=held.token, until=held.until):
        return _not_ours(held)
    turn_ends = time.monotonic() + TURN_SECONDS
    while (more := _plan_page(held)) and time.monotonic() < turn_ends:
        pass
    if more:
        _let_go(held)
        return Planned.MORE
    return Planned.DONE if more is False and _complete(held) else _not_ours(held)


def _acquire(execution_id: int) -> _Plan | None:
    """A planner in the middle of a step is not waited for: one that is slow would take every worker in turn."""
    token = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET plan_token = {token}, plan_lease_until = {lease_end},
                plan_until = coalesce(plan_until,
                    (SELECT max(id) FROM audiences_contact c WHERE c.workspace_id = e.workspace_id), 0),
                planning_began_at = coalesce(planning_began_at, clock_timestamp())
            WHERE id = (SELECT id FROM executions_execution
                WHERE id = {id} AND state IN ('planning', 'cancelling') AND size IS NULL
                AND (plan_token IS NULL OR {expired}) FOR NO KEY UPDATE SKIP LOCKED)
                AND pg_try_advisory_xact_lock({lock})
            RETURNING launched_on, plan_until, plan_cursor, plan_horizon, plan_probes, planning_began_at
            """).format(
                token=Literal(token),
                lease_end=lease_end(PLAN_LEASE_SECONDS),
                id=Literal(execution_id),
                expired=expired("plan_lease_until"),
                lock=plan_lock(execution_id),
            )
        )
        row = cursor.fetchone()
    if row is None:
        return None
    execution = Execution.objects.defer("rejected", "personalization", "campaign_personalization").get(pk=execution_id)
    launched_on, until, after, horizon, probes, began = row
    frozen = None if horizon is None else Frozen(horizon, probes)
    scope = scope_of(execution)
    few, starts = _has_few_suppressions(scope), _starts(execution, token, began)
    return _Plan(execution_id, token, launched_on, scope, until, after, frozen, few, starts)


def _starts(execution: Execution, token: UUID, began: datetime) -> Starts | None:
    terms = terms_of(execution, began=began)
    if terms is None:
        return None
    if execution.cut_off_local is not None and execution.cut_off_last is None:
        held = Execution.objects.filter(pk=execution.pk, plan_token=token)
        held.update(cut_off_last=terms.last_cut_off())
    return terms.starts(began=began, cut_off_at=execution.cut_off_at)


def _has_few_suppressions(scope: Scope) -> bool:
    suppressions = Suppression.objects.filter(workspace_id=scope.workspace_id, type=scope.type)
    return suppressions[: PAGE_CONTACTS + 1].count() <= PAGE_CONTACTS


def scope_of(execution: Execution) -> Scope:
    return Scope(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        type=execution.type,
        app_ids=tuple(execution.app_ids),
        audience=execution.audience,
        retried=retried_before(execution),
        own_messages=execution.activation_id is not None and execution.event is None,
    )


def _plan_page(held: _Plan) -> bool | None:
    """One page in one transaction: True when there may be more, False after the last, None when the lease is lost.

    Before the first of several, their addresses are frozen, in a transaction of its own: that is not lost with a page.
    """
    with step(held.execution_id, held.token) as cursor:
        if cursor is None:
            return None
        page = _next_page(held)
        more = page.contacts == PAGE_CONTACTS
        if held.frozen is not None or not more:
            return more if _write_page(cursor, held, page) else None
    return _freeze_addresses(held) and _plan_page(held)


def _freeze_addresses(held: _Plan) -> bool | None:
    with step(held.execution_id, held.token) as cursor:
        if cursor is None:
            return None
        held.frozen = freeze(held.scope, contacts_sql(held.scope, until=held.until))
        return True if keep_lease(cursor, held.execution_id, held.token) else None


def _write_page(cursor: Any, held: _Plan, page: Page) -> bool:
    """An only page ends the plan for whoever resumes it too: nothing keeps in mind which addresses it gave away."""
    cursor.execute(page.settings)
    cursor.execute(
        SQL("""
        UPDATE executions_execution SET plan_lease_until = {lease_end}, plan_cursor = {last}, plan_until = {until}
        WHERE id = {id} AND plan_token = {token} AND plan_cursor = {after}
            AND state IN ('planning', 'cancelling') AND size IS NULL
        """).format(
            lease_end=lease_end(PLAN_LEASE_SECONDS),
            last=Literal(page.last),
            until=Literal(page.last if held.frozen is None else held.until),
            after=Literal(page.after),
            id=Literal(held.execution_id),
            token=Literal(held.token),
        )
    )
    if not cursor.rowcount:
        return False
    if page.contacts:
        cursor.execute(_page_sql(held, page))
        add_planned_skips(cursor, held.execution_id, cursor.fetchone()[0])
    held.cursor = page.last
    return True


def _next_page(held: _Plan) -> Page:
    """Its contacts are counted only: whom it holds is asked again by the statement that plans them."""
    contacts = contacts_sql(held.scope, after=held.cursor, until=held.until, limit=PAGE_CONTACTS)
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT count(*), max(id) FROM ({}) c").format(contacts))
        count, last = cursor.fetchone()
    return Page(held.cursor, last or held.cursor, count)


def _page_sql(held: _Plan, page: Page) -> Composable:
    return page_sql(
        held.scope,
        page,
        launched_on=held.launched_on,
        frozen=held.frozen,
        few_suppressions=held.few_suppressions,
        starts=held.starts,
        batch_size=BATCH_SIZE,
    )


def add_planned_skips(cursor: Any, execution_id: int, skips: str) -> None:
    """`skips`: reason to count, as JSON."""
    cursor.execute(_SKIPS, [skips, execution_id])


_SKIPS = """
    UPDATE executions_execution SET planned_skips = (
        SELECT coalesce(jsonb_object_agg(reason, n), '{}') FROM (
            SELECT key AS reason, sum(value::bigint) AS n
            FROM (SELECT * FROM jsonb_each_text(planned_skips) UNION ALL SELECT * FROM jsonb_each_text(%s::jsonb)) every
            GROUP BY key) summed)
    WHERE id = %s
"""


def _complete(held: _Plan) -> bool:
    """Nothing has been delivered yet, so the batches hold everyone who was not ruled out; some are merged already."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET state = CASE state WHEN 'planning' THEN 'running' ELSE state END,
                plan_token = NULL, plan_lease_until = NULL, state_reason = NULL,
                started_at = coalesce(started_at, clock_timestamp()),
                size = (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(planned_skips))
                    + (SELECT coalesce(sum(b.size - b.parked), 0) FROM executions_batch b WHERE b.execution_id = e.id)
            WHERE id = {id} AND plan_token = {token} AND state IN ('planning', 'cancelling') AND size IS NULL
            """).format(id=Literal(held.execution_id), token=Literal(held.token))
        )
        done = bool(cursor.rowcount)
        if done and held.frozen is not None:
            forget(held.execution_id)
        return done


def _put_off(held: _Plan, error: Exception) -> None:
    """The lease stays for as long as it has been failing, so that each try waits twice as long as the one before."""
    message = f"It can't be planned now: {type(error).__name__}: {error}"[:500]
    values: dict[str, Any] = {
        "code": FAILED,
        "message": message,
        "least": LEAST_PAUSE_SECONDS,
        "longest": LONGEST_PAUSE_SECONDS,
        "id": held.execution_id,
        "token": held.token,
    }
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, values)


_PUT_OFF = """
    WITH failing AS (
        SELECT clock_timestamp() AS now, CASE WHEN state_reason->>'code' = %(code)s
            THEN (state_reason->>'since')::timestamptz ELSE clock_timestamp() END AS since
        FROM executions_execution WHERE id = %(id)s
    ), paused AS (
        SELECT since, now + least(greatest(now - since, make_interval(secs => %(least)s)),
            make_interval(secs => %(longest)s)) AS until FROM failing
    )
    UPDATE executions_execution SET plan_lease_until = until, state_reason = jsonb_build_object(
        'code', %(code)s::text, 'message', %(message)s::text, 'retry_at', until, 'since', since)
    FROM paused WHERE id = %(id)s AND plan_token = %(token)s AND state IN ('planning', 'cancelling')
"""


def _not_ours(held: _Plan) -> Planned:
    _let_go(held)
    return Planned.NOT_OURS


def _let_go(held: _Plan) -> None:
    """So that the next planner need not wait for the lease's end. Nothing happens if it is another's already."""
    Execution.objects.filter(pk=held.execution_id, plan_token=held.token).update(plan_token=None, plan_lease_until=None)
