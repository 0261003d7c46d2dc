"""Batches whose worker is gone: what is known of them is recorded, the rest is in doubt or still to be sent."""

import asyncio
import logging
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection
from psycopg import AsyncConnection
from psycopg.sql import SQL, Literal

from executions.delivery.batches import Claim
from executions.delivery.chunk import LeaseLost, turn_chunk
from executions.delivery.fates import Fate, fate_of, in_doubt
from executions.delivery.journal import DeadJournal, open_dead
from executions.delivery.leases import expired, lease_end
from executions.delivery.prepared import Recording, recording_of
from executions.delivery.runtime import Runtime
from executions.delivery.window import Window
from executions.states import BatchState
from providers.contract import UNTOUCHED, Result, outcome_of

logger = logging.getLogger(__name__)


class _Held(NamedTuple):
    id: int
    execution_id: int
    token: UUID
    journal: str
    expired: bool


def recover(here: Runtime) -> None:
    """Every leased batch whose worker is dead or silent.

    On this machine a dead worker is known by its journal's lock, at once; elsewhere by the end of its lease.
    """
    for held in _held():
        dead = open_dead(held.journal) if held.journal else None
        if dead is None and not held.expired:
            continue
        done = False
        try:
            done = here.run(_recover(here, recording_of(held.execution_id), held, dead))
        except LeaseLost:
            logger.warning("batch %s was recovered by another", held.id)
        except Exception:
            # Whatever is wrong with one must not keep the others, and the sweep, from going on; the next tries again.
            logger.exception("batch %s of execution %s can't be recovered now", held.id, held.execution_id)
        finally:
            if dead is not None:
                dead.close(remove=done)


def _held() -> list[_Held]:
    with connection.cursor() as cursor:
        cursor.execute(
            SQL(
                "SELECT id, execution_id, lease_token, journal, {} FROM executions_batch"
                " WHERE state <> {} AND lease_token IS NOT NULL ORDER BY id"
            ).format(expired("lease_until"), Literal(BatchState.CLOSED.value))
        )
        return [_Held(*row) for row in cursor.fetchall()]


async def _recover(here: Runtime, recording: Recording, held: _Held, dead: DeadJournal | None) -> bool:
    database = await here.connection()
    claimed = await _take_over(database, held, dead)
    if claimed is None:
        return False
    await _settle(database, recording, *claimed, held.journal.partition(":")[0], dead)
    return True


async def _take_over(database: AsyncConnection, held: _Held, dead: DeadJournal | None) -> tuple[Claim, int] | None:
    """The claim and how far it is marked. The journal stays named: we might die too. A silent owner that lives after
    all finds its claim among the `SilentClaim`s (`executions.settling.woken`): one, however often we try, and none
    once the journal is read.

    None where another was first, where the owner, not known to be dead, has renewed its lease meanwhile, and where a
    transaction of the owner still holds the row: the sweep must not wait for a process that was stopped in it.
    """
    cursor = await database.execute(
        SQL("""
        WITH taken AS (
            UPDATE executions_batch b SET lease_token = {token}, lease_until = {lease_end}
            FROM executions_execution e WHERE e.id = b.execution_id AND b.id = (
                SELECT id FROM executions_batch WHERE id = {id} AND lease_token = {old} AND {gone}
                FOR UPDATE SKIP LOCKED)
            RETURNING b.id, b.lease_token, b.execution_id, b.workspace_id, b.size, b.attempt, b.position, e.state,
                b.marked_to
        ), read AS (
            DELETE FROM executions_silentclaim s USING taken t
            WHERE NOT {silent} AND s.batch_id = t.id AND s.stop > t.position
        ), silent AS (
            INSERT INTO executions_silentclaim (token, batch_id, workspace_id, first, stop, journal)
            SELECT {old}, id, workspace_id, position, marked_to, {journal} FROM taken t
            WHERE {silent} AND marked_to > position AND NOT EXISTS (
                SELECT FROM executions_silentclaim s WHERE s.batch_id = t.id AND s.stop > t.position)
        )
        SELECT * FROM taken
        """).format(
            token=Literal(uuid4()),
            lease_end=lease_end(),
            id=Literal(held.id),
            old=Literal(held.token),
            gone=expired("lease_until") if dead is None else SQL("TRUE"),
            silent=Literal(dead is None),
            journal=Literal(held.journal),
        )
    )
    row = await cursor.fetchone()
    return None if row is None else (Claim(*row[:-1]), row[-1])


async def _settle(
    database: AsyncConnection, recording: Recording, claim: Claim, marked_to: int, host: str, dead: DeadJournal | None
) -> None:
    window = Window.of(claim)
    window.marked_to = marked_to
    window.recipients = await _recipients(database, claim, marked_to)
    window.reserved = {contact for contact, _address in window.recipients.values()}
    now = asyncio.get_running_loop().time()
    for place in window.recipients:
        fate = _in_doubt(recording, claim) if dead is None else fate_by_mark(recording, claim, dead.marks[place], now)
        if fate is not None:
            window.fates[place] = fate
    logger.warning(
        "recovering batch %s of execution %s: %s marked, %s known, journal %s",
        claim.id,
        claim.execution_id,
        len(window.recipients),
        len(window.fates),
        "read" if dead else "not to be had",
    )
    await turn_chunk(database, recording, window, leave=True, recovering=True)
    if window.position == claim.position:
        await _keep(database, claim, marked_to, host, dead.words if dead else "")


async def _keep(database: AsyncConnection, claim: Claim, marked_to: int, host: str, words: str) -> None:
    """Nothing came of it: what is known of the crash is for the page of batches that are set aside."""
    await database.execute(
        "INSERT INTO executions_batchcrash (batch_id, workspace_id, host, first, stop, words)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [claim.id, claim.workspace_id, host, claim.position, marked_to, words],
    )


def fate_by_mark(recording: Recording, claim: Claim, mark: int, now: float) -> Fate | None:
    """None: it was not begun."""
    if mark == UNTOUCHED:
        return None
    verdict = outcome_of(mark)
    if verdict is None:
        return _in_doubt(recording, claim)
    return fate_of(Result(verdict), attempts=claim.attempt, on_unknown=recording.on_unknown, at=now)


def _in_doubt(recording: Recording, claim: Claim) -> Fate:
    return in_doubt(
        attempts=claim.attempt + 1,
        on_unknown=recording.on_unknown,
        response="The worker died, or fell silent, after it had begun to hand the message over.",
    )


async def _recipients(database: AsyncConnection, claim: Claim, marked_to: int) -> dict[int, tuple[int, int]]:
    cursor = await database.execute(
        "SELECT u.* FROM executions_batchrecipients r,"
        " unnest(r.contact_ids[%(first)s:%(last)s], r.address_ids[%(first)s:%(last)s])"
        " WITH ORDINALITY AS u (contact_id, address_id, n) WHERE r.batch_id = %(batch)s ORDER BY u.n",
        {"first": claim.position + 1, "last": marked_to, "batch": claim.id},
    )
    return {
        place: (contact, address)
        for place, (contact, address, _n) in enumerate(await cursor.fetchall(), claim.position)
    }
