"""Workers that die in the middle: played by claiming and marking as a worker does, and stopping there."""

import platform

import psycopg
import pytest
from psycopg import AsyncConnection, OperationalError

from executions.delivery import recovery, turn
from executions.delivery.batches import Claim, claim_batch, renew_lease
from executions.delivery.breaker import Available, ask_provider
from executions.delivery.chunk import LeaseLost, lock_batch, turn_chunk
from executions.delivery.draining import drain
from executions.delivery.journal import Journal, open_dead
from executions.delivery.lanes import open_lanes
from executions.delivery.recovery import recover
from executions.delivery.runtime import close_runtime, connection_parameters, runtime
from executions.delivery.window import Window
from executions.models import Batch, BatchCrash, Delivery, Execution, FrequencyCap, FrequencyUse
from executions.reading.progress import progress_of, state_reason
from executions.states import BatchState, State
from providers.contract import HANDED_OVER, UNTOUCHED, Verdict, outcome_code
from providers.models import SandboxMessage
from templates_registry.models import TemplateVersion
from tests.executions.dying import die, expire, mark, outcomes, planned
from tests.executions.rows import ledger
from tests.executions.work import counts, drain_all, make_due
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

SENT = outcome_code(Verdict.SENT)


def test_the_journal_leaves_only_those_in_doubt_who_were_handed_over(workspace: Workspace) -> None:
    execution = planned(workspace, 5)
    die(execution, [SENT, HANDED_OVER, UNTOUCHED, SENT, UNTOUCHED])
    recover(runtime())
    assert outcomes(execution) == ["sent", "unknown", "sent"]
    drain_all(execution)
    assert outcomes(execution) == ["sent", "unknown", "sent", "sent", "sent"]
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 4, "unknown": 1})
    assert SandboxMessage.objects.filter(execution_id=execution.pk).count() == 2


def test_who_is_in_doubt_is_sent_again_where_the_campaign_says_so(workspace: Workspace) -> None:
    execution = planned(workspace, 2, on_unknown="resend")
    die(execution, [SENT, HANDED_OVER])
    recover(runtime())
    make_due(execution)
    drain_all(execution)
    assert (execution.state, outcomes(execution)) == (State.FINISHED, ["sent", "sent"])
    assert [row.attempts for row in Delivery.objects.filter(execution_id=execution.pk).order_by("contact_id")] == [1, 2]


def test_refusals_in_the_journal_are_honoured(workspace: Workspace) -> None:
    execution = planned(workspace, 3)
    die(execution, [outcome_code(Verdict.FAILED), outcome_code(Verdict.RETRY), outcome_code(Verdict.UNKNOWN)])
    recover(runtime())
    assert ledger(execution)[0][2:] == ("failed", "rejected") and outcomes(execution) == ["failed", "unknown"]
    parked = Batch.objects.get(execution=execution, state=BatchState.OPEN)
    assert (parked.reason, parked.attempt) == ("retry", 1)


def test_without_the_journal_everything_marked_is_in_doubt_once_the_lease_has_ended(workspace: Workspace) -> None:
    execution = planned(workspace, 4)
    window, name = die(execution, [SENT, UNTOUCHED])
    dead = open_dead(name)
    assert dead is not None
    dead.close(remove=True)
    recover(runtime())
    assert outcomes(execution) == []
    expire(window.claim)
    recover(runtime())
    assert outcomes(execution) == ["unknown", "unknown"]
    drain_all(execution)
    assert counts(execution) == {"sent": 2, "unknown": 2}


def test_a_worker_that_lives_is_left_alone(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, 2))
    recover(here)
    assert Batch.objects.get(execution=execution).lease_token == window.claim.token
    journal.remove()


def test_a_worker_that_wakes_after_its_lease_is_refused(workspace: Workspace) -> None:
    """As SIGSTOP past the lease: it lives, so its journal can't be trusted, and what it knows is refused."""
    execution = planned(workspace, 3)
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, 2))
    journal.view[0] = SENT
    expire(window.claim)
    recover(here)
    assert outcomes(execution) == ["unknown", "unknown"]

    async def wake() -> None:
        await turn_chunk(await here.connection(), here.prepared(execution.pk), window, leave=True)

    with pytest.raises(LeaseLost):
        here.run(wake())
    journal.remove()
    assert counts(drain_all(execution)) == {"sent": 1, "unknown": 2}


def test_recovery_does_not_wait_for_a_worker_that_was_stopped_in_its_transaction(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    window, _name = die(execution, [SENT, UNTOUCHED])
    expire(window.claim)
    with psycopg.connect(**connection_parameters()) as stopped:
        # So that a recoverer that waits does so for a while only.
        stopped.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        stopped.execute("SELECT FROM executions_batch WHERE id = %s FOR UPDATE", [window.claim.id])
        recover(runtime())
        assert Batch.objects.get(execution=execution).lease_token == window.claim.token
        stopped.rollback()
    recover(runtime())
    assert outcomes(execution) == ["sent"]


def test_a_worker_that_is_silent_in_a_transaction_loses_its_locks(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    here = runtime()
    window, _name = die(execution, [SENT, UNTOUCHED])

    async def patience() -> list[str]:
        database = await here.connection()
        async with database.transaction(), database.cursor() as cursor:
            await lock_batch(cursor, window.claim)
            within = await (await database.execute(_PATIENCE)).fetchone()
        after = await (await database.execute(_PATIENCE)).fetchone()
        return [*(within or ()), *(after or ())]

    assert here.run(patience()) == ["30s", "0"]


_PATIENCE = "SHOW idle_in_transaction_session_timeout"


def test_a_recoverer_that_dies_is_followed(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    _window, name = die(execution, [SENT, UNTOUCHED])
    Batch.objects.filter(execution=execution).update(lease_token="00000000-0000-4000-8000-000000000000")
    recover(runtime())
    assert outcomes(execution) == ["sent"]
    assert open_dead(name) is None


def test_a_batch_that_crashes_its_worker_three_times_is_set_aside(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    for crashes in (1, 2, 3):
        die(execution, [UNTOUCHED, UNTOUCHED])
        recover(runtime())
        assert Batch.objects.get(execution=execution).crashes == crashes
    assert Batch.objects.get(execution=execution).state == BatchState.QUARANTINED
    drain_all(execution)
    assert (execution.state, outcomes(execution)) == (State.RUNNING, [])
    reason = state_reason(execution, progress_of([execution])[execution.pk])
    assert reason and reason["code"] == "batch_set_aside"
    assert reason["message"].startswith("2 recipients are set aside")
    assert [(crash.first, crash.stop) for crash in BatchCrash.objects.order_by("pk")] == [(0, 2)] * 3
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.CANCELLED, {"skipped": 2})


def test_what_a_worker_said_last_is_kept_with_its_crash(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = planned(workspace, 2)

    async def fail(*_: object, **__: object) -> str:
        raise RuntimeError("no more files")

    with monkeypatch.context() as patch:
        patch.setattr(turn, "turn_chunk", fail)
        [due] = open_lanes(execution.pk)
        with pytest.raises(RuntimeError):
            drain(due)
    recover(runtime())
    crash = BatchCrash.objects.get(batch__execution=execution)
    assert (crash.words, crash.host) == ("RuntimeError: no more files", platform.node()[:60])


def test_a_worker_that_dies_over_a_batch_set_aside_leaves_it_to_another(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    Batch.objects.filter(execution=execution).update(state=BatchState.QUARANTINED, crashes=3)
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    here = runtime()

    async def claim() -> Claim | None:
        return await claim_batch(await here.connection(), execution.pk, journal="")

    claimed = here.run(claim())
    assert claimed is not None
    expire(claimed)
    recover(here)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.CANCELLED, {"skipped": 2})


def test_a_lease_renewed_while_the_recoverer_waited_is_not_taken(workspace: Workspace) -> None:
    execution = planned(workspace, 2)
    here = runtime()
    prepared = here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, 2))
    expire(window.claim)
    [held] = recovery._held()

    async def late() -> bool:
        assert await renew_lease(await here.connection(), window.claim)
        return await recovery._recover(here, prepared, held, None)

    assert held.expired and here.run(late()) is False
    assert Batch.objects.get(execution=execution).lease_token == window.claim.token
    journal.remove()


def test_a_claim_whose_answer_was_lost_shares_no_journal_with_the_next(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = planned(workspace, 2)

    async def unheard(connection: AsyncConnection, execution_id: int, *, journal: str) -> Claim | None:
        await claim_batch(connection, execution_id, journal=journal)
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(turn, "claim_batch", unheard)
        [due] = open_lanes(execution.pk)
        with pytest.raises(OperationalError):
            drain(due)
    recover(runtime())
    assert counts(drain_all(execution)) == {"sent": 2}


def test_one_that_cannot_be_recovered_does_not_keep_the_others_from_it(workspace: Workspace) -> None:
    first, second = planned(workspace, 1), planned(workspace, 1)
    die(first, [255])
    die(second, [SENT, SENT])
    recover(runtime())
    assert (outcomes(first), outcomes(second)) == ([], ["sent", "sent"])


def test_a_batch_that_advances_is_not_blamed_for_its_workers_deaths(workspace: Workspace) -> None:
    execution = planned(workspace, 4)
    for _ in range(4):
        die(execution, [SENT], want=1)
        recover(runtime())
    assert Batch.objects.get(execution=execution).state == BatchState.CLOSED
    assert outcomes(execution) == ["sent"] * 4


def test_a_commit_whose_answer_was_lost_is_found_to_be_done(workspace: Workspace) -> None:
    """The same transaction again, by a worker that does not know that it was committed."""
    execution = planned(workspace, 4)
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, 2))
    forgetful = Window(window.claim, 0, 0)

    async def again() -> None:
        await turn_chunk(await here.connection(), here.prepared(execution.pk), forgetful, want=1)

    here.run(again())
    assert (forgetful.position, forgetful.marked_to) == (0, 2)
    assert [message.index for message in forgetful.waiting] == [0, 1]
    journal.remove()


def test_what_a_lost_commit_reserved_is_given_back_when_the_execution_is_paused(workspace: Workspace) -> None:
    FrequencyCap.objects.create(workspace=workspace, type="email", max=1, window_seconds=86400)
    execution = planned(workspace, 4)
    here = runtime()
    here.prepared(execution.pk)
    journal = Journal()
    window = here.run(mark(here, execution, journal, 2))
    forgetful = Window(window.claim, 0, 0)
    Execution.objects.filter(pk=execution.pk).update(state=State.PAUSED)

    async def leave() -> None:
        await turn_chunk(await here.connection(), here.prepared(execution.pk), forgetful, leave=True)

    here.run(leave())
    assert [len(use.ats) for use in FrequencyUse.objects.all()] == [0, 0]
    journal.remove()


def test_content_that_became_unusable_is_said_once(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    execution = planned(workspace, 2)
    window, _journal = die(execution, [UNTOUCHED])
    TemplateVersion.objects.filter(pk=execution.template_version_id).update(content={"subject": "{{", "text": "x"})
    close_runtime()
    recover(runtime())
    assert Batch.objects.get(pk=window.claim.id).lease_token is None
    for _ in range(3):
        [found] = open_lanes(execution.pk)
        assert drain(found) is None
    execution.refresh_from_db()
    assert execution.state_reason and execution.state_reason["code"] == "unusable_content"
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_cancelling_needs_no_content_even_where_a_worker_died(workspace: Workspace) -> None:
    execution = planned(workspace, 3)
    die(execution, [SENT, UNTOUCHED])
    TemplateVersion.objects.filter(pk=execution.template_version_id).update(content={"subject": "{{", "text": "x"})
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    close_runtime()
    recover(runtime())
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.CANCELLED, {"sent": 1, "skipped": 2})


def test_the_provider_is_asked_by_one_prober_at_a_time(workspace: Workspace) -> None:
    execution = planned(workspace, 1)
    provider = execution.provider
    type(provider).objects.filter(pk=provider.pk).update(
        unavailable_until="2020-01-01T00:00:00Z", failures=2, unavailable_reason="relay: refused"
    )
    asked = [ask_provider(provider.pk, execution_id=execution.pk, type="email") for _ in range(2)]
    assert isinstance(asked[0], Available) and asked[0].probing and asked[1] is None
    execution.refresh_from_db()
    assert execution.state_reason and execution.state_reason["message"] == "relay: refused"
