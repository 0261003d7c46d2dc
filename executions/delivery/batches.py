"""Batches as rows: claimed, renewed, and made anew for whoever has to wait."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID, uuid4

from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import SQL, Literal

from executions.delivery.leases import lease_end
from executions.states import BatchState

BATCH_SIZE = 5_000
ROUNDING_SECONDS = 60


# Of an execution `e`: whoever is left gets a row, and nobody is sent to any more.
ENDS = SQL(
    "(e.state = 'cancelling' OR (e.state = 'running' AND least(e.cut_off_at, e.cut_off_last) <= clock_timestamp()))"
)


class Claim(NamedTuple):
    """A batch that is ours until the lease ends. `state` is the execution's."""

    id: int
    token: UUID
    execution_id: int
    workspace_id: int
    size: int
    attempt: int
    position: int
    state: str
    reason: str = "ready"


class Waiting(NamedTuple):
    """A recipient to be parked: `attempt` were made, the next is due in `wait` seconds."""

    contact_id: int
    address_id: int
    attempt: int
    wait: float
    reason: str


async def claim_batch(connection: AsyncConnection, execution_id: int, *, journal: str) -> Claim | None:
    """One due batch that nobody holds. Those of an execution that ends, as it was cancelled or its cut-off is past, are
    due at once, the ones set aside too."""
    token = uuid4()
    cursor = await connection.execute(
        SQL("""
        UPDATE executions_batch b SET lease_token = {token}, lease_until = {lease_end}, journal = {journal}
        FROM executions_execution e
        WHERE e.id = b.execution_id AND e.state IN ('running', 'cancelling') AND b.id = (
            SELECT n.id FROM executions_batch n
            WHERE n.execution_id = {execution} AND n.state <> {closed} AND n.lease_token IS NULL
                AND ((n.state = {open} AND n.not_before <= clock_timestamp())
                    OR (SELECT {ends} FROM executions_execution e WHERE e.id = {execution}))
            ORDER BY n.id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING b.id, b.lease_token, b.execution_id, b.workspace_id, b.size, b.attempt, b.position, e.state,
            b.reason
        """).format(
            token=Literal(token),
            lease_end=lease_end(),
            journal=Literal(journal),
            execution=Literal(execution_id),
            open=Literal(BatchState.OPEN.value),
            closed=Literal(BatchState.CLOSED.value),
            ends=ENDS,
        )
    )
    row = await cursor.fetchone()
    return None if row is None else Claim(*row)


async def renew_lease(connection: AsyncConnection, claim: Claim) -> bool:
    """False: the batch is another's now."""
    cursor = await connection.execute(
        SQL("UPDATE executions_batch SET lease_until = {} WHERE id = {} AND lease_token = {}").format(
            lease_end(), Literal(claim.id), Literal(claim.token)
        )
    )
    return cursor.rowcount == 1


async def give_back(connection: AsyncConnection, claim: Claim) -> None:
    """Of a batch of which nothing is marked."""
    await connection.execute(
        "UPDATE executions_batch SET lease_token = NULL, lease_until = NULL, journal = ''"
        " WHERE id = %s AND lease_token = %s AND position = marked_to",
        [claim.id, claim.token],
    )


async def park(cursor: AsyncCursor, claim: Claim, waiting: Iterable[Waiting]) -> None:
    """New batches for everyone whom something delays, in the transaction that closes what they came from.

    Times are rounded up to a minute, so that a few greylisted recipients in each chunk don't make a batch each.
    """
    groups: dict[tuple[int, int, str], list[Waiting]] = defaultdict(list)
    for one in waiting:
        groups[one.attempt, int(one.wait // _rounding(one.wait)), one.reason].append(one)
    for (attempt, _, reason), members in groups.items():
        wait = max(one.wait for one in members)
        for start in range(0, len(members), BATCH_SIZE):
            part = members[start : start + BATCH_SIZE]
            await cursor.execute(
                _PARK,
                {
                    "execution": claim.execution_id,
                    "workspace": claim.workspace_id,
                    "open": BatchState.OPEN.value,
                    "size": len(part),
                    "wait": wait,
                    "rounding": _rounding(wait),
                    "reason": reason,
                    "attempt": attempt,
                    "contacts": [one.contact_id for one in part],
                    "addresses": [one.address_id for one in part],
                },
            )


def _rounding(wait: float) -> int:
    return ROUNDING_SECONDS if wait >= ROUNDING_SECONDS else 1


_PARK = """
    WITH made AS (
        INSERT INTO executions_batch (execution_id, workspace_id, state, size, not_before, reason, attempt,
            crashes, position, marked_to, journal, sent, skipped, failed, unknown, parked, reasons)
        VALUES (%(execution)s, %(workspace)s, %(open)s, %(size)s,
            CASE WHEN %(wait)s = 0 THEN clock_timestamp() ELSE date_bin(make_interval(secs => %(rounding)s),
                clock_timestamp() + make_interval(secs => %(wait)s + %(rounding)s), 'epoch') END,
            %(reason)s, %(attempt)s, 0, 0, 0, '', 0, 0, 0, 0, 0, '{}')
        RETURNING id)
    INSERT INTO executions_batchrecipients (batch_id, contact_ids, address_ids)
    SELECT id, %(contacts)s::bigint[], %(addresses)s::bigint[] FROM made
"""
