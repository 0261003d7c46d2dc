"""The sweep: finds in the database whatever is due, so that no message needs to arrive for a campaign to complete."""

from datetime import timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models.functions import Now
from psycopg.sql import SQL, Literal

from executions.delivery import breaker, slowness
from executions.delivery.batches import BATCH_SIZE, ENDS
from executions.delivery.finishing import finish_complete
from executions.delivery.journal import remove_stale
from executions.delivery.lanes import Turn, lost_turns, open_lanes
from executions.delivery.leases import LET_GO_IF_SILENT, expired
from executions.delivery.recovery import recover
from executions.delivery.runtime import runtime
from executions.models import Batch, SilentClaim
from executions.settling.left_journals import settle_by_journals
from executions.states import BatchState

# A worker that wakes later than this has left its journal, and its people, to be settled by hand.
FORGET_SILENT = timedelta(days=7)


class Found(NamedTuple):
    """What is to be enqueued after the sweep."""

    plans: list[int]
    turns: list[Turn]


def sweep() -> Found:
    """One at a time; a second one finds nothing."""
    slowness.tell_slowness()
    settle_by_journals()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LET_GO_IF_SILENT)
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('volley.sweep'))")
        if not cursor.fetchone()[0]:
            return Found([], [])
        recover(runtime())
        plans = start_scheduled() + unplanned()
        merge_fragments()
        forget_healed_providers()
        finish_complete(_without_open_batch())
        turns = [turn for execution_id in _with_due_batches() for turn in open_lanes(execution_id)]
        return Found(plans, turns + lost_turns())


def start_scheduled() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_execution SET state = 'planning'"
            " WHERE state = 'scheduled' AND scheduled_for <= clock_timestamp() RETURNING id"
        )
        return [row[0] for row in cursor.fetchall()]


def unplanned() -> list[int]:
    """Executions that wait for a planner, or whose planner is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL(
                "SELECT id FROM executions_execution WHERE state IN ('planning', 'cancelling') AND size IS NULL"
                " AND (plan_token IS NULL OR {}) ORDER BY id"
            ).format(expired("plan_lease_until"))
        )
        return [row[0] for row in cursor.fetchall()]


def forget_healed_providers() -> None:
    """A reason to wait that no longer holds is not shown."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_execution e SET state_reason = NULL FROM providers_provider p"
            " WHERE p.id = e.provider_id AND e.state = 'running' AND e.state_reason->>'code' = %s"
            " AND p.unavailable_until IS NULL AND p.enabled AND p.failures = 0",
            [breaker.CODE],
        )


def _without_open_batch() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM executions_execution e WHERE state IN ('running', 'cancelling') AND size IS NOT NULL"
            " AND (accepts_until IS NULL OR accepts_until <= clock_timestamp() OR state = 'cancelling')"
            " AND NOT EXISTS (SELECT FROM executions_batch b WHERE b.execution_id = e.id AND b.state <> %s)",
            [BatchState.CLOSED.value],
        )
        return [row[0] for row in cursor.fetchall()]


def _with_due_batches() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            SELECT id FROM executions_execution e WHERE state IN ('running', 'cancelling') AND size IS NOT NULL
                AND EXISTS (SELECT FROM executions_batch b WHERE b.execution_id = e.id AND b.state <> {closed}
                    AND b.lease_token IS NULL
                    AND ({ends} OR (b.state = {open} AND b.not_before <= clock_timestamp())))
            ORDER BY id
            """).format(closed=Literal(BatchState.CLOSED.value), open=Literal(BatchState.OPEN.value), ends=ENDS)
        )
        return [row[0] for row in cursor.fetchall()]


def merge_fragments() -> None:
    """Parked batches that wait for the same moment become one; the ones merged are closed as parked.

    One that waits alone, as that of a time zone does for a day, is not locked: a lock is a write.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            WITH small AS (
                SELECT id, count(*) OVER (PARTITION BY execution_id, attempt, reason, not_before) AS kin
                FROM executions_batch WHERE {small}
            ), fragments AS (
                SELECT id, execution_id, workspace_id, attempt, reason, not_before, size FROM executions_batch
                WHERE id IN (SELECT id FROM small WHERE kin > 1) AND {small} FOR UPDATE SKIP LOCKED
            ), heaped AS (
                SELECT *, (sum(size) OVER (PARTITION BY execution_id, attempt, reason, not_before ORDER BY id) - size)
                    / {half} AS heap FROM fragments
            ), merged AS MATERIALIZED (
                SELECT nextval(pg_get_serial_sequence('executions_batch', 'id')) AS id, execution_id, workspace_id,
                    attempt, reason, not_before, sum(size) AS size, array_agg(id) AS ids
                FROM heaped GROUP BY execution_id, workspace_id, attempt, reason, not_before, heap HAVING count(*) > 1
            ), made AS (
                INSERT INTO executions_batch (id, execution_id, workspace_id, state, size, not_before, reason, attempt,
                    crashes, position, marked_to, journal, sent, skipped, failed, unknown, parked, reasons)
                SELECT id, execution_id, workspace_id, {open}, size, not_before, reason, attempt,
                    0, 0, 0, '', 0, 0, 0, 0, 0, '{{}}' FROM merged
            ), arrays AS (
                INSERT INTO executions_batchrecipients (batch_id, contact_ids, address_ids)
                SELECT m.id, array_agg(u.contact_id ORDER BY u.contact_id, u.address_id),
                    array_agg(u.address_id ORDER BY u.contact_id, u.address_id)
                FROM merged m JOIN executions_batchrecipients r ON r.batch_id = ANY (m.ids),
                    unnest(r.contact_ids, r.address_ids) u (contact_id, address_id) GROUP BY m.id
            )
            UPDATE executions_batch b SET state = {closed}, position = b.size, marked_to = b.size, parked = b.size
            FROM merged m WHERE b.id = ANY (m.ids)
            """).format(
                small=_SMALL,
                open=Literal(BatchState.OPEN.value),
                closed=Literal(BatchState.CLOSED.value),
                half=Literal(BATCH_SIZE // 2),
            )
        )


_SMALL = SQL("state = {} AND lease_token IS NULL AND marked_to = 0 AND reason <> 'ready' AND size < {}").format(
    Literal(BatchState.OPEN.value), Literal(BATCH_SIZE // 2)
)


def tidy_journals() -> None:
    SilentClaim.objects.filter(at__lt=Now() - FORGET_SILENT).delete()
    needed = Batch.objects.exclude(state=BatchState.CLOSED).exclude(journal="").values_list("journal", flat=True)
    remove_stale({*needed, *SilentClaim.objects.values_list("journal", flat=True)})
