"""A worker that was given up and lives says what it knows of its recipients (SIGSTOP, a frozen machine).

Where it can't, as the database is away or its process ends, it leaves its journal, which says nearly as much
(`executions.settling.left_journals`).
"""

import logging
import time
from typing import NamedTuple

from executions.delivery.journal import Journal
from executions.delivery.prepared import Recording
from executions.delivery.window import Window
from executions.settling.doubt import Testimony, settle_claim

# From taking a batch over to recording what was marked, recovery needs some milliseconds.
RECOVERY_SECONDS = 5.0
LOOK_SECONDS = 0.2
logger = logging.getLogger(__name__)


class Lost(NamedTuple):
    """A batch that was taken from its worker, who sends nothing of it any more."""

    window: Window
    journal: Journal


def settle_lost(recording: Recording, lost: Lost) -> int:
    """Answers how many were settled."""
    told = Testimony(lost.window.claim, lost.journal.view, lost.window.fates, time.monotonic())
    give_up = time.monotonic() + RECOVERY_SECONDS
    try:
        settled = settle_claim(recording, told)
        while settled is None and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)
            settled = settle_claim(recording, told)
    finally:
        # Locked until now, so that nobody else went by it. What is not settled by now, is by whoever reads it.
        lost.journal.abandon()
    logger.warning("batch %s was lost, %s of its recipients are settled", lost.window.claim.id, settled or 0)
    return settled or 0
