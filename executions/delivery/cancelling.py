"""What is left of a cancelled execution gets its rows: `skipped: cancelled`."""

from collections import Counter

from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from executions.caps import reservation
from executions.delivery.batches import Claim
from executions.delivery.chunk import lock_batch
from executions.delivery.window import Recorded, with_reasons
from executions.models import Execution
from executions.states import BatchState, Outcome, SkipReason

_CANCELLED = SkipReason.CANCELLED.value


async def cancel_rest(connection: AsyncConnection, execution: Execution, claim: Claim) -> None:
    """Everyone of a batch of which nothing is in flight. Raises LeaseLost."""
    async with connection.transaction(), connection.cursor() as cursor:
        locked = await lock_batch(cursor, claim)
        await cursor.execute(
            SQL("""
            INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,
                outcome, attempts, recorded_at, reason)
            SELECT {launched_on}, {execution}, u.contact_id, u.address_id, {workspace}, {skipped}, {attempts},
                clock_timestamp(), {reason}
            FROM executions_batchrecipients r,
                unnest(r.contact_ids[{first}:], r.address_ids[{first}:]) u (contact_id, address_id)
            WHERE r.batch_id = {batch} RETURNING contact_id
            """).format(
                launched_on=Literal(execution.launched_on),
                execution=Literal(claim.execution_id),
                workspace=Literal(claim.workspace_id),
                skipped=Literal(Outcome.SKIPPED.value),
                attempts=Literal(claim.attempt),
                reason=Literal(_CANCELLED),
                first=Literal(locked.position + 1),
                batch=Literal(claim.id),
            )
        )
        contacts = {row[0] for row in await cursor.fetchall()}
        rest = claim.size - locked.position
        made = Recorded(locked.position, claim.size, reasons={"skipped": Counter({_CANCELLED: rest})})
        await cursor.execute(
            "UPDATE executions_batch SET position = size, marked_to = size, skipped = skipped + %s, state = %s,"
            " reasons = %s, lease_token = NULL, lease_until = NULL, journal = '' WHERE id = %s",
            [rest, BatchState.CLOSED.value, Jsonb(with_reasons(locked.reasons, made)), claim.id],
        )
        await _give_back(cursor, execution, claim, contacts)


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
