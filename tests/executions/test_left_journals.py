"""A worker that was given up as silent and says nothing any more: its journal does, once it can be read."""

import asyncio
from typing import Any

import pytest
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import IdleInTransactionSessionTimeout

from executions.delivery import journal as journals
from executions.delivery import turn
from executions.delivery.chunk import turn_chunk
from executions.delivery.draining import drain
from executions.delivery.finishing import finish_if_complete
from executions.delivery.journal import open_dead
from executions.delivery.lanes import open_lanes
from executions.delivery.prepared import Recording
from executions.delivery.recovery import recover
from executions.delivery.runtime import close_runtime, runtime
from executions.delivery.sweeping import tidy_journals
from executions.delivery.window import Window
from executions.models import Batch, Delivery, FrequencyUse, SilentClaim
from executions.settling.left_journals import settle_by_journals
from executions.settling.woken import settle_lost
from executions.states import BatchState, Outcome, State
from providers.contract import Verdict
from tests.executions.dying import counted, outcomes, planned, stopped
from tests.executions.test_woken import take_from
from tests.executions.work import counts, drain_all, make_due, sweep_all
from tests.factories import make_cap
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_that_is_killed_while_it_is_silent_leaves_in_doubt_only_what_it_had_in_flight(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    execution = planned(workspace, 5)
    answers = {0: Verdict.SENT, 1: None, 2: Verdict.FAILED, 3: Verdict.RETRY}
    lost = stopped(execution, answers, want=5)
    settle_by_journals()
    assert outcomes(execution) == ["unknown"] * 5
    lost.journal.abandon()
    settle_by_journals()
    assert counted(execution) == {"sent": 1, "unknown": 1, "failed": 1, "pending": 2}
    assert sum(len(use.ats) for use in FrequencyUse.objects.all()) == 2
    assert AuditEntry.objects.get(action="settled").details["deliveries"] == 4
    assert open_dead(lost.journal.name) is None and not SilentClaim.objects.exists()
    make_due(execution)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3, "failed": 1, "unknown": 1})


def test_what_was_sent_was_sent_before_the_batch_was_taken(workspace: Workspace) -> None:
    execution = planned(workspace, 1)
    lost = stopped(execution, {0: Verdict.SENT}, want=1)
    SilentClaim.objects.update(at="2020-01-01T00:00:00Z")
    lost.journal.abandon()
    settle_by_journals()
    row = Delivery.objects.get(execution_id=execution.pk, outcome=Outcome.SENT)
    assert row.sent_at is not None and row.sent_at.year == 2020


def test_in_an_ended_execution_who_was_not_begun_has_failed(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    lost = stopped(execution, {0: Verdict.SENT}, want=2)
    assert finish_if_complete(execution.pk)
    lost.journal.abandon()
    settle_by_journals()
    assert counted(execution) == {"sent": 1, "failed": 1}


def test_nothing_is_settled_twice_by_a_journal_that_is_still_there(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    lost = stopped(execution, {0: Verdict.SENT, 1: None}, want=2)
    settle_lost(runtime().prepared(execution.pk), lost)
    settle_by_journals()
    assert outcomes(execution) == ["sent", "unknown"]
    assert AuditEntry.objects.filter(action="settled").count() == 1


def test_a_recovery_that_failed_and_reads_the_journal_the_next_time_leaves_nothing_to_settle(
    workspace: Workspace,
) -> None:
    """Others begin then what the dead one had not: their doubt is no business of its journal."""
    execution = planned(workspace, 2)
    lost = stopped(execution, {0: Verdict.SENT}, want=2)
    _as_not_recorded(lost.window.claim.id, lost.journal.name)
    lost.journal.abandon()
    settle_by_journals()
    recover(runtime())
    assert outcomes(execution) == ["sent"] and not SilentClaim.objects.exists()


def test_a_recovery_that_failed_and_is_silent_again_leaves_one_claim(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    lost = stopped(execution, {0: Verdict.SENT}, want=2)
    _as_not_recorded(lost.window.claim.id, lost.journal.name)
    recover(runtime())
    assert [claim.token for claim in SilentClaim.objects.all()] == [lost.window.claim.token]
    assert settle_lost(runtime().prepared(execution.pk), lost) == 2
    assert counted(execution) == {"sent": 1, "pending": 1}


def _as_not_recorded(batch_id: int, journal: str) -> None:
    """As a recoverer that died once it had taken the batch."""
    execution_id = Batch.objects.get(pk=batch_id).execution_id
    Delivery.objects.filter(execution_id=execution_id).delete()
    Batch.objects.filter(pk=batch_id).update(
        position=0,
        unknown=0,
        state=BatchState.OPEN,
        lease_token="00000000-0000-4000-8000-000000000000",
        lease_until="2020-01-01T00:00:00Z",
        journal=journal,
    )


def test_a_journal_that_says_nonsense_does_not_keep_the_others_from_being_read(workspace: Workspace) -> None:
    first, second = planned(workspace, 1), planned(workspace, 1)
    broken = stopped(first, {}, want=1)
    broken.journal.view[0] = 255
    whole = stopped(second, {0: Verdict.SENT, 1: Verdict.SENT}, want=2)
    for lost in (broken, whole):
        lost.journal.abandon()
    settle_by_journals()
    assert (outcomes(first), outcomes(second)) == (["unknown"], ["sent", "sent"])


def test_journals_that_are_still_to_be_read_are_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "STALE_SECONDS", -1)
    execution = planned(workspace, 1)
    lost = stopped(execution, {0: Verdict.SENT}, want=1)
    lost.journal.abandon()
    tidy_journals()
    settle_by_journals()
    assert outcomes(execution) == ["sent"]


@pytest.mark.parametrize("trouble", [OperationalError, IdleInTransactionSessionTimeout])
def test_a_worker_whose_database_stays_away_until_its_batch_is_taken_has_it_settled_by_the_sweep(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    """Its messages were handed over meanwhile; it never hears that it lost the batch."""
    execution = planned(workspace, 3)
    taken: list[int] = []

    async def away(connection: AsyncConnection, recording: Recording, window: Window, **options: Any) -> str:
        if not window.marked_to:
            return await turn_chunk(connection, recording, window, **options)
        if not taken:
            taken.append(window.claim.id)
            await asyncio.to_thread(take_from, window.claim)
        raise trouble("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(turn, "turn_chunk", away)
        patch.setattr(turn, "RECONNECT_FOR_SECONDS", -1.0)
        [due] = open_lanes(execution.pk)
        with pytest.raises(trouble):
            drain(due)
    assert outcomes(execution) == ["unknown"] * 3
    close_runtime()
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3})
