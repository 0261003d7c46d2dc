"""A worker that was given up wakes, and what it knows takes the place of the doubt."""

import asyncio
from typing import Any

import pytest
from django.db import connection
from psycopg import AsyncConnection

from common.authorship import SYSTEM
from executions.delivery import turn
from executions.delivery.batches import Claim
from executions.delivery.chunk import turn_chunk
from executions.delivery.finishing import finish_if_complete
from executions.delivery.journal import Journal, open_dead
from executions.delivery.prepared import Recording
from executions.delivery.recovery import recover
from executions.delivery.runtime import close_runtime, runtime
from executions.delivery.sweeping import tidy_journals
from executions.delivery.window import Window
from executions.models import Batch, Delivery, Execution, FrequencyUse, SilentClaim
from executions.reading.progress import progress_of
from executions.settling import doubt, woken
from executions.settling.unknowns import settle_unknown
from executions.settling.woken import Lost, settle_lost
from executions.states import BatchState, Outcome, State
from providers.contract import Verdict
from providers.models import SandboxMessage
from tests.executions.dying import counted, expire, mark, outcomes, planned, stopped
from tests.executions.rows import ledger
from tests.executions.work import counts, drain_all, make_due, sweep_all
from tests.factories import make_cap
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def wake(execution: Execution, lost: Lost) -> int:
    return settle_lost(runtime().prepared(execution.pk), lost)


def test_what_was_sent_is_sent_and_what_was_not_begun_is_sent_after_all(workspace: Workspace) -> None:
    execution = planned(workspace, 4)
    lost = stopped(execution, {0: Verdict.SENT, 1: None}, want=3)
    assert outcomes(execution) == ["unknown"] * 3
    assert wake(execution, lost) == 2
    assert outcomes(execution) == ["sent", "unknown"]
    assert counted(execution) == {"sent": 1, "unknown": 1, "pending": 2}
    row = Delivery.objects.get(execution_id=execution.pk, outcome=Outcome.SENT)
    assert (row.provider_response, row.attempts, row.sent_at is None) == ("what it said", 1, False)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3, "unknown": 1})
    entry = AuditEntry.objects.get(action="settled")
    assert (entry.actor_kind, entry.details["deliveries"], entry.details["sent"]) == ("system", 2, 1)


def test_refusals_are_recorded_and_tried_again_as_ever(workspace: Workspace) -> None:
    execution = planned(workspace, 3)
    lost = stopped(execution, {0: Verdict.FAILED, 1: Verdict.RETRY, 2: Verdict.UNKNOWN}, want=3)
    assert wake(execution, lost) == 2
    assert [row[2:] for row in ledger(execution)] == [("failed", "rejected"), ("unknown", None)]
    assert progress_of([execution])[execution.pk].reasons["failed"] == {"rejected": 1}
    parked = Batch.objects.get(execution=execution, state=BatchState.OPEN)
    assert (parked.reason, parked.attempt, parked.size) == ("retry", 1, 1)
    make_due(execution)
    drain_all(execution)
    assert counts(execution) == {"sent": 1, "failed": 1, "unknown": 1}


def test_in_an_ended_execution_who_was_not_begun_has_failed_and_can_be_tried_again(workspace: Workspace) -> None:
    execution = planned(workspace, 3)
    lost = stopped(execution, {0: Verdict.SENT, 1: None}, want=3)
    assert finish_if_complete(execution.pk)
    assert wake(execution, lost) == 2
    execution.refresh_from_db()
    assert (execution.state, outcomes(execution)) == (State.FINISHED, ["sent", "unknown", "failed"])
    assert counted(execution) == {"sent": 1, "unknown": 1, "failed": 1}
    failed = Delivery.objects.get(execution_id=execution.pk, outcome=Outcome.FAILED)
    assert (failed.reason, failed.detail, failed.attempts) == ("settled", doubt.NOT_BEGUN, 0)


def test_a_paused_execution_keeps_them_waiting(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    lost = stopped(execution, {}, want=2)
    Execution.objects.filter(pk=execution.pk).update(state=State.PAUSED)
    assert wake(execution, lost) == 2
    assert counted(execution) == {"pending": 2}
    assert drain_all(execution).state == State.PAUSED


def test_what_a_commit_marked_that_it_never_heard_of_was_not_begun(workspace: Workspace) -> None:
    execution = planned(workspace, 4)
    lost = stopped(execution, {0: Verdict.SENT}, want=4)
    for place in (2, 3):
        del lost.window.recipients[place]
    lost.window.marked_to = 2
    assert wake(execution, lost) == 4
    assert counted(execution) == {"sent": 1, "pending": 3}


def test_nothing_is_settled_twice(workspace: Workspace) -> None:
    """By then the same people may be in doubt for another's sake."""
    execution = planned(workspace, 2)
    first = stopped(execution, {}, want=2)
    claim, window = first.window.claim, first.window
    assert wake(execution, first) == 2
    second = stopped(execution, {0: None, 1: None}, want=2)
    assert second.window.claim.id != claim.id and outcomes(execution) == ["unknown", "unknown"]
    assert wake(execution, Lost(window, Journal())) == 0
    assert outcomes(execution) == ["unknown", "unknown"]
    second.journal.abandon()


def test_what_was_settled_by_hand_meanwhile_stays(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    lost = stopped(execution, {0: Verdict.SENT}, want=2)
    settle_unknown(
        execution_id=execution.pk,
        workspace_id=workspace.pk,
        outcome=Outcome.FAILED,
        delivery_ids=None,
        note="",
        actor=SYSTEM,
    )
    assert wake(execution, lost) == 0
    assert outcomes(execution) == ["failed", "failed"]


def test_a_batch_that_was_not_taken_for_silence_is_left_alone(workspace: Workspace) -> None:
    """A worker that released it by a commit whose answer was lost loses the lease too."""
    execution = planned(workspace, 2)
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, 2))
    Batch.objects.filter(execution=execution).update(lease_token=None, lease_until=None, marked_to=0)
    assert wake(execution, Lost(window, journal)) == 0
    assert counts(drain_all(execution)) == {"sent": 2}


def test_where_recovery_could_not_record_its_next_try_reads_the_journal(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(woken, "RECOVERY_SECONDS", 0.0)
    execution = planned(workspace, 2)
    lost = stopped(execution, {0: Verdict.SENT}, want=2)
    Delivery.objects.filter(execution_id=execution.pk).delete()
    Batch.objects.filter(pk=lost.window.claim.id).update(
        position=0,
        unknown=0,
        state=BatchState.OPEN,
        lease_token="00000000-0000-4000-8000-000000000000",
        journal=lost.journal.name,
    )
    assert wake(execution, lost) == 0
    assert outcomes(execution) == []
    recover(runtime())
    assert outcomes(execution) == ["sent"]
    assert open_dead(lost.journal.name) is None


def test_uses_of_the_caps_are_given_back_and_asked_for_anew(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    execution = planned(workspace, 3)
    lost = stopped(execution, {0: Verdict.SENT, 1: None}, want=3)
    wake(execution, lost)
    assert sorted(len(use.ats) for use in FrequencyUse.objects.all()) == [0, 1, 1]
    drain_all(execution)
    assert counts(execution) == {"sent": 2, "unknown": 1}
    assert [len(use.ats) for use in FrequencyUse.objects.all()] == [1, 1, 1]


def test_where_doubt_is_sent_again_nothing_is_taken_back(workspace: Workspace) -> None:
    execution = planned(workspace, 2, on_unknown="resend")
    lost = stopped(execution, {0: Verdict.SENT}, want=2)
    assert wake(execution, lost) == 0
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 2}


def test_the_turn_of_a_worker_that_wakes_settles_and_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ends between two transactions of a real turn, after its first messages were handed over."""
    execution = planned(workspace, 3)
    taken: list[Claim] = []

    async def late(connection: AsyncConnection, recording: Recording, window: Window, **options: Any) -> str:
        if window.marked_to and not taken:
            taken.append(window.claim)
            await asyncio.to_thread(take_from, window.claim)
        return await turn_chunk(connection, recording, window, **options)

    monkeypatch.setattr(turn, "turn_chunk", late)
    drain_all(execution)
    sweep_all()
    execution.refresh_from_db()
    assert taken and not SilentClaim.objects.exists()
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3})
    assert SandboxMessage.objects.filter(execution_id=execution.pk).count() == 3


def take_from(claim: Claim) -> None:
    """As the sweep of another process does."""
    expire(claim)
    recover(runtime())
    close_runtime()
    connection.close()


def test_claims_of_workers_that_never_wake_are_forgotten(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    lost = stopped(execution, {}, want=2)
    tidy_journals()
    assert SilentClaim.objects.count() == 1
    SilentClaim.objects.update(at="2020-01-01T00:00:00Z")
    tidy_journals()
    assert SilentClaim.objects.count() == 0
    lost.journal.remove()
