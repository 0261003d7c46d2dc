"""What is left of an execution that was cancelled, or is past its cut-off, gets its rows: `skipped`."""

from collections import Counter

from django.db import connection as django_connection
from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import SQL, Composable, Composed, Literal
from psycopg.types.json import Jsonb

from executions.caps import reservation
from executions.delivery.batches import ENDS, Claim
from executions.delivery.chunk import lock_batch
from executions.delivery.window import Recorded, with_reasons
from executions.models import Execution
from executions.states import BatchState, Outcome, SkipReason


def cut_off_is_past(execution: Execution) -> bool:
    """For everybody, of one that runs; by PostgreSQL's clock."""
    if execution.cut_off_at is None and execution.cut_off_last is None:
        return False
    with django_connection.cursor() as cursor:
        cursor.execute(SQL("SELECT {} FROM executions_execution e WHERE id = {}").format(ENDS, Literal(execution.pk)))
        return bool(cursor.fetchone()[0])


async def skip_rest(connection: AsyncConnection, execution: Execution, claim: Claim, reason: SkipReason) -> None:
    """Everyone of a batch of which nothing is in flight. Raises LeaseLost."""
    async with connection.transaction(), connection.cursor() as cursor:
        locked = await lock_batch(cursor, claim)
        await cursor.execute(_rows_sql(execution, claim, locked.position, reason))
        rows = await cursor.fetchall()
        contacts, reasons = {row[0] for row in rows}, Counter(row[1] for row in rows)
        rest = claim.size - locked.position
        made = Recorded(locked.position, claim.size, reasons={"skipped": reasons})
        await cursor.execute(
            "UPDATE executions_batch SET position = size, marked_to = size, skipped = skipped + %s, state = %s,"
            " reasons = %s, lease_token = NULL, lease_until = NULL, journal = '' WHERE id = %s",
            [rest, BatchState.CLOSED.value, Jsonb(with_reasons(locked.reasons, made)), claim.id],
        )
        await _give_back(cursor, execution, claim, contacts)


def _rows_sql(execution: Execution, claim: Claim, position: int, reason: SkipReason) -> Composed:
    """Answers contact and reason of each. Whom consent rules out would not have been sent to before a cut-off either;
    a cancelled execution asks nobody any more."""
    ruled_out = reason == SkipReason.CUT_OFF
    return SQL("""
        INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,
            outcome, attempts, recorded_at, reason)
        SELECT {launched_on}, {execution}, u.contact_id, u.address_id, {workspace}, {skipped}, {attempts},
            clock_timestamp(), {reason}
        FROM executions_batchrecipients r,
            unnest(r.contact_ids[{first}:], r.address_ids[{first}:]) u (contact_id, address_id){addresses}
        WHERE r.batch_id = {batch} RETURNING contact_id, reason
    """).format(
        launched_on=Literal(execution.launched_on),
        execution=Literal(claim.execution_id),
        workspace=Literal(claim.workspace_id),
        skipped=Literal(Outcome.SKIPPED.value),
        attempts=Literal(claim.attempt),
        reason=_ruled_out(execution, reason) if ruled_out else Literal(reason.value),
        first=Literal(position + 1),
        addresses=_ADDRESSES if ruled_out else SQL(""),
        batch=Literal(claim.id),
    )


_ADDRESSES = SQL("""
            LEFT JOIN audiences_address a ON a.id = u.address_id AND a.contact_id = u.contact_id
""")


def _ruled_out(execution: Execution, otherwise: SkipReason) -> Composable:
    return SQL("""
        CASE WHEN a.id IS NULL THEN {deleted} WHEN a.state <> 'active' THEN {invalid}
            WHEN EXISTS (SELECT FROM audiences_suppression s WHERE s.workspace_id = {workspace} AND s.type = {type}
                AND s.value = a.value) THEN {suppressed}
            WHEN a.consent <> 'subscribed' THEN {unsubscribed} ELSE {otherwise} END
    """).format(
        workspace=Literal(execution.workspace_id),
        type=Literal(execution.type),
        deleted=Literal(SkipReason.DELETED.value),
        invalid=Literal(SkipReason.INVALID_ADDRESS.value),
        suppressed=Literal(SkipReason.SUPPRESSED.value),
        unsubscribed=Literal(SkipReason.UNSUBSCRIBED.value),
        otherwise=Literal(otherwise.value),
    )


async def _give_back(cursor: AsyncCursor, execution: Execution, claim: Claim, contacts: set[int]) -> None:
    """Some may hold a reservation from a chunk that was handed back."""
    caps = await reservation.load_caps(
        cursor,
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        type=execution.type,
        tags=execution.tags,
        limited=execution.frequency_capping,
    )
    if caps is None or not contacts:
        return
    await reservation.lock_uses(cursor, caps, contacts)
    used = await reservation.still_used(cursor, caps, contacts, launched_on=execution.launched_on, batch_id=claim.id)
    await reservation.give_back(cursor, caps, contacts - used)
