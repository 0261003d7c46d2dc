"""A worker that was given up and lives: what it knows of its recipients takes the place of the doubt about them.

It was silent past its lease (SIGSTOP, a frozen machine), so nobody could read its journal, and all that it had marked
was recorded as `unknown`, with a `SilentClaim`. Nobody else has begun any of these: the claim was its own, and whoever
is recorded waits in no batch. So what it had not begun may be sent after all.
"""

import logging
import time
from typing import NamedTuple

from django.db import connection, transaction
from psycopg.sql import SQL, Literal

from common.authorship import SYSTEM
from executions.caps.giving_back import give_back_unused
from executions.delivery.chunk import write_recorded
from executions.delivery.fates import Fate, parked
from executions.delivery.journal import Journal
from executions.delivery.prepared import Recording
from executions.delivery.window import Recorded, Window, record
from executions.in_django import as_async, at_once
from executions.locks import lock_execution
from executions.models import Batch, Execution, SilentClaim
from executions.settling.counts import move_counts
from executions.states import ENDED, FailReason, Outcome, State
from providers.contract import UNTOUCHED
from workspaces import audit

# From taking a batch over to recording what was marked, recovery needs some milliseconds.
RECOVERY_SECONDS = 5.0
LOOK_SECONDS = 0.2
NOT_BEGUN = "Its worker had not begun to send it when the batch was taken from it, and the execution has ended since."
logger = logging.getLogger(__name__)


class Lost(NamedTuple):
    """A batch that was taken from its worker, who sends nothing of it any more."""

    window: Window
    journal: Journal


def settle_lost(recording: Recording, lost: Lost) -> int:
    """Answers how many were settled. Never asked a second time for one claim: then others might have begun them."""
    give_up = time.monotonic() + RECOVERY_SECONDS
    try:
        settled = _settle(recording, lost)
        while settled is None and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)
            settled = _settle(recording, lost)
    finally:
        # Locked until now, so that nobody else went by it. Had recovery not recorded yet, its next try reads it.
        lost.journal.abandon()
    logger.warning("batch %s was lost, %s of its recipients are settled", lost.window.claim.id, settled or 0)
    return settled or 0


@transaction.atomic
def _settle(recording: Recording, lost: Lost) -> int | None:
    """None while the batch is recovered."""
    claim = lost.window.claim
    execution = lock_execution(execution_id=claim.execution_id, workspace_id=claim.workspace_id)
    silent = SilentClaim.objects.select_for_update().filter(token=claim.token).first()
    if silent is None:
        return 0
    if Batch.objects.values_list("position", flat=True).get(pk=claim.id) < silent.stop:
        return None
    silent.delete()
    known = _take_back(execution, lost, silent, _known(lost, silent, over=State(execution.state) in ENDED))
    made = _record(recording, lost, known)
    if made.stop:
        _count(execution, made)
        _give_back(execution, made)
    return made.stop


def _known(lost: Lost, silent: SilentClaim, *, over: bool) -> dict[int, Fate]:
    """By place. What it marked without hearing of the commit, it has not begun either."""
    known = {}
    for place in range(silent.first, silent.stop):
        fate = lost.window.fates.get(place)
        if fate is None and lost.journal.view[place] == UNTOUCHED:
            fate = parked("ready", 0.0, attempts=lost.window.claim.attempt)
        if fate is None or fate.maybe_sent or fate.outcome is Outcome.UNKNOWN:
            continue
        known[place] = _failed(fate) if over and fate.outcome is None else fate
    return known


def _failed(fate: Fate) -> Fate:
    """What has ended is not begun again: `retry-failed` is for these."""
    return Fate(Outcome.FAILED, FailReason.SETTLED.value, NOT_BEGUN, attempts=fate.attempts)


def _take_back(execution: Execution, lost: Lost, silent: SilentClaim, known: dict[int, Fate]) -> Window:
    """The recipients of `known` whose rows were recorded as in doubt: the rows go, and their fates take their place."""
    claim = lost.window.claim
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE_BACK.format(
                batch=Literal(claim.id),
                first=Literal(silent.first),
                stop=Literal(silent.stop),
                places=Literal(list(known)),
                launched_on=Literal(execution.launched_on),
                execution=Literal(execution.pk),
                unknown=Literal(Outcome.UNKNOWN.value),
                attempts=Literal(claim.attempt + 1),
            )
        )
        rows = sorted(cursor.fetchall())
    window = Window(claim, 0, len(rows))
    for place, (known_place, contact, address) in enumerate(rows):
        window.recipients[place] = contact, address
        window.fates[place] = known[known_place]
        window.reserved.add(contact)
    return window


_TAKE_BACK = SQL("""
    WITH held AS (
        SELECT {first} + u.n - 1 AS place, u.contact_id, u.address_id FROM executions_batchrecipients r,
            unnest(r.contact_ids[{first} + 1:{stop}], r.address_ids[{first} + 1:{stop}])
                WITH ORDINALITY AS u (contact_id, address_id, n)
        WHERE r.batch_id = {batch})
    DELETE FROM executions_delivery d USING held h
    WHERE h.place = ANY ({places}::bigint[]) AND d.launched_on = {launched_on} AND d.execution_id = {execution}
        AND d.contact_id = h.contact_id AND d.address_id = h.address_id
        AND d.outcome = {unknown} AND d.attempts = {attempts}
    RETURNING h.place, d.contact_id, d.address_id
""")


def _record(recording: Recording, lost: Lost, known: Window) -> Recorded:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 946684800000000")
        clock = cursor.fetchone()[0]
        made = record(known, stop=known.marked_to, clock=clock, now=time.monotonic())
        at_once(write_recorded(as_async(cursor), recording, known, made, recorded_at=clock, staged=False))
    return made


def _count(execution: Execution, made: Recorded) -> None:
    move_counts(execution, {**made.counts, Outcome.UNKNOWN.label: -made.stop}, made.reasons)
    audit.record(
        workspace_id=execution.workspace_id,
        actor=SYSTEM,
        action="settled",
        object_type="execution",
        object_id=execution.pk,
        object_name=execution.campaign_name,
        details={"deliveries": made.stop, **made.counts, "note": "A worker that had been given up came back."},
    )


def _give_back(execution: Execution, made: Recorded) -> None:
    give_back_unused(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        launched_on=execution.launched_on,
        contacts=made.freed,
    )
