"""The doubt about what a silent worker had marked gives way to what is known of it.

Nobody could read the worker's journal, so all that it had marked was recorded as `unknown`, with a `SilentClaim`.
Nobody else has begun any of these: the claim was its own, and whoever is recorded waits in no batch. So what it had
not begun may be sent after all. The claim's row is taken away with it: a second time, others might have begun them.
"""

import time
from collections.abc import Mapping
from mmap import mmap
from typing import NamedTuple

from django.db import connection, transaction
from psycopg.sql import SQL, Literal

from common.authorship import SYSTEM
from executions.caps.giving_back import give_back_unused
from executions.delivery.batches import Claim
from executions.delivery.chunk import write_recorded
from executions.delivery.fates import Fate, parked
from executions.delivery.prepared import Recording
from executions.delivery.recovery import fate_by_mark
from executions.delivery.window import Recorded, Window, record
from executions.in_django import as_async, at_once
from executions.locks import lock_execution
from executions.models import Batch, Execution, SilentClaim
from executions.settling.counts import move_counts
from executions.states import ENDED, FailReason, Outcome, State
from workspaces import audit

NOT_BEGUN = "Its worker had not begun to send it when the batch was taken from it, and the execution has ended since."


class Testimony(NamedTuple):
    """What a silent worker knows. `marks` are its journal's, of `at` by the loop's clock; `fates`, by place, say more.

    The journal must be locked by whoever settles by it, from before it is read until the transaction is over.
    """

    claim: Claim
    marks: bytes | mmap
    fates: Mapping[int, Fate]
    at: float


@transaction.atomic
def settle_claim(recording: Recording, told: Testimony) -> int | None:
    """Answers how many were settled, None while the batch is recovered."""
    claim = told.claim
    execution = lock_execution(execution_id=claim.execution_id, workspace_id=claim.workspace_id)
    silent = SilentClaim.objects.select_for_update().filter(token=claim.token).first()
    if silent is None:
        return 0
    if Batch.objects.values_list("position", flat=True).get(pk=claim.id) < silent.stop:
        return None
    silent.delete()
    known = _take_back(execution, told, silent, _known(recording, told, silent, over=State(execution.state) in ENDED))
    made = _record(recording, known)
    if made.stop:
        _count(execution, made)
        _give_back(execution, made)
    return made.stop


def _known(recording: Recording, told: Testimony, silent: SilentClaim, *, over: bool) -> dict[int, Fate]:
    """By place. What it marked without hearing of the commit, it has not begun either."""
    known = {}
    for place in range(silent.first, silent.stop):
        fate = told.fates.get(place) or fate_by_mark(recording, told.claim, told.marks[place], told.at)
        if fate is None:
            fate = parked("ready", 0.0, attempts=told.claim.attempt)
        if fate.maybe_sent or fate.outcome is Outcome.UNKNOWN:
            continue
        known[place] = _failed(fate) if over and fate.outcome is None else fate
    return known


def _failed(fate: Fate) -> Fate:
    """What has ended is not begun again: `retry-failed` is for these."""
    return Fate(Outcome.FAILED, FailReason.SETTLED.value, NOT_BEGUN, attempts=fate.attempts)


def _take_back(execution: Execution, told: Testimony, silent: SilentClaim, known: dict[int, Fate]) -> Window:
    """The recipients of `known` whose rows were recorded as in doubt: the rows go, and their fates take their place."""
    claim = told.claim
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


def _record(recording: Recording, known: Window) -> Recorded:
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
        details={"deliveries": made.stop, **made.counts, "note": "What a worker knew that had been given up."},
    )


def _give_back(execution: Execution, made: Recorded) -> None:
    give_back_unused(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        launched_on=execution.launched_on,
        contacts=made.freed,
    )
