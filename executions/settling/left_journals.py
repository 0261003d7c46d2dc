"""Journals of workers that were given up as silent, and have died, or given up themselves, since.

Their locks are free, so they can be believed now: they take the place of the doubt as a woken worker's word does.
"""

import logging
import time
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from executions.delivery.batches import Claim
from executions.delivery.journal import open_dead
from executions.delivery.prepared import recording_of
from executions.settling.doubt import Testimony, settle_claim

logger = logging.getLogger(__name__)


class _Left(NamedTuple):
    """`age`: seconds since the batch was taken."""

    claim: Claim
    journal: str
    age: float


def settle_by_journals() -> None:
    """Every silent claim whose journal can be read here. What one is troubled by keeps no other waiting."""
    for left in _recorded():
        try:
            _settle(left)
        except Exception:
            logger.exception("what was silent in batch %s can't be settled now", left.claim.id)


def _settle(left: _Left) -> None:
    dead = open_dead(left.journal)
    if dead is None:
        return
    done = False
    try:
        told = Testimony(left.claim, dead.marks, {}, time.monotonic() - left.age)
        settled = settle_claim(recording_of(left.claim.execution_id), told)
        done = settled is not None
        logger.warning("batch %s was silent, %s of its recipients are settled", left.claim.id, settled)
    finally:
        dead.close(remove=done)


def _recorded() -> list[_Left]:
    """Those whose recovery is through: until then it reads the journal itself."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED)
        return [_left(*row) for row in cursor.fetchall()]


def _left(token: UUID, journal: str, age: float, *batch: int) -> _Left:
    id, execution_id, workspace_id, size, attempt, position = batch
    return _Left(Claim(id, token, execution_id, workspace_id, size, attempt, position, ""), journal, age)


_RECORDED = """
    SELECT s.token, s.journal, extract(epoch FROM clock_timestamp() - s.at)::float8,
        b.id, b.execution_id, b.workspace_id, b.size, b.attempt, b.position
    FROM executions_silentclaim s JOIN executions_batch b ON b.id = s.batch_id
    WHERE s.stop <= b.position AND s.journal <> '' ORDER BY s.at
"""
