"""The ledger's transitions in any order: whatever happens, nobody is lost, doubled or miscounted.

Workers are played: claimed, marked, answered, killed or stopped between any two steps, on the real database.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.errors import Conflict
from executions.delivery.sweeping import merge_fragments
from executions.launching import control
from executions.launching.retrying import retry_failed
from executions.models import Batch
from executions.settling import set_aside
from executions.settling.unknowns import settle_unknown
from executions.states import BatchState, Outcome, State
from providers.contract import Verdict
from tests.executions.ledger_world import Worker, World

pytestmark = pytest.mark.django_db(transaction=True)

VERDICTS = [Verdict.SENT, Verdict.FAILED, Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN, Verdict.UNSTARTED]
MOST_EXECUTIONS = 4
MOST_WORKERS = 3
PICK = st.integers(min_value=0, max_value=10)


class LedgerMachine(RuleBasedStateMachine):
    world: World

    @initialize(on_unknown=st.sampled_from(["hold", "hold", "resend"]))
    def begin(self, on_unknown: str) -> None:
        self.world = World(on_unknown)
        self.world.plan(self.world.launch())

    def execution(self, pick: int) -> int:
        return self.world.executions[pick % len(self.world.executions)]

    def worker(self, pick: int) -> Worker:
        return self.world.workers[pick % len(self.world.workers)]

    def tries(self, move: Any, *args: Any, **more: Any) -> Any:
        """Whatever is asked for by hand may be refused."""
        try:
            return self.world.by_hand(move, *args, **more)
        except Conflict:
            return None

    def has_room(self) -> bool:
        return len(self.world.executions) < MOST_EXECUTIONS

    def has_workers(self) -> bool:
        return bool(self.world.workers)

    @precondition(has_room)
    @rule()
    def launch(self) -> None:
        self.world.launch()

    @rule(pick=PICK)
    def plan(self, pick: int) -> None:
        self.world.plan(self.execution(pick))

    @precondition(lambda self: len(self.world.workers) < MOST_WORKERS)
    @rule(pick=PICK, want=st.integers(1, 4))
    def claim_and_mark(self, pick: int, want: int) -> None:
        before = len(self.world.workers)
        self.world.claim(self.execution(pick))
        if len(self.world.workers) > before and want > 1:
            self.world.turn(self.world.workers[-1], want=want)

    @precondition(has_workers)
    @rule(pick=PICK, verdicts=st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=4))
    def send(self, pick: int, verdicts: list[Verdict]) -> None:
        worker = self.worker(pick)
        if not worker.silent:
            self.world.send(worker, verdicts)

    @precondition(has_workers)
    @rule(pick=PICK, want=st.integers(0, 4))
    def record(self, pick: int, want: int) -> None:
        self.world.turn(self.worker(pick), want=want)

    @precondition(has_workers)
    @rule(pick=PICK)
    def leave(self, pick: int) -> None:
        self.world.turn(self.worker(pick), leave=True)

    @precondition(has_workers)
    @rule(pick=PICK, in_flight=st.integers(0, 2), soon=st.booleans())
    def crash(self, pick: int, in_flight: int, soon: bool) -> None:
        worker = self.worker(pick)
        self.world.crash(worker, in_flight=0 if worker.silent else in_flight)
        if soon:
            self.world.recover()

    @precondition(has_workers)
    @rule(pick=PICK)
    def stop_past_the_lease(self, pick: int) -> None:
        self.world.stop(self.worker(pick))

    @rule()
    def recover(self) -> None:
        self.world.recover()

    @rule(pick=PICK, move=st.sampled_from([control.pause, control.resume, control.resume, control.cancel]))
    def move(self, pick: int, move: Any) -> None:
        self.tries(move, self.execution(pick))

    @rule(pick=PICK)
    def drain_cancelled(self, pick: int) -> None:
        self.world.drain_cancelled(self.execution(pick))

    @rule(place=st.integers(0, 5))
    def suppress(self, place: int) -> None:
        self.world.suppress(place)

    @rule(merge=st.booleans())
    def time_passes(self, merge: bool) -> None:
        if merge:
            merge_fragments()
        self.world.time_passes()

    @rule()
    def finish(self) -> None:
        self.world.finish()

    @rule(pick=PICK, outcome=st.sampled_from([Outcome.SENT, Outcome.FAILED]), everyone=st.booleans())
    def settle_by_hand(self, pick: int, outcome: Outcome, everyone: bool) -> None:
        execution_id = self.execution(pick)
        unknown = [pair for pair, (found, _) in self.world.rows(execution_id).items() if found is Outcome.UNKNOWN]
        named = None if everyone else [f"{execution_id}-{contact}-{address}" for contact, address in unknown[:1]]
        done = self.tries(settle_unknown, execution_id, outcome=outcome, delivery_ids=named, note="")
        assert done.settled == (len(unknown) if everyone else len(unknown[:1]))

    @precondition(has_room)
    @rule(pick=PICK, include=st.sampled_from([("failed",), ("failed", "unknown")]), at_once=st.booleans())
    def retry(self, pick: int, include: tuple[str, ...], at_once: bool) -> None:
        self.world.finish()
        retry = self.tries(retry_failed, self.execution(pick), include=include)
        if retry is not None and retry.made:
            self.world.executions.append(retry.execution.pk)
            if at_once:
                self.world.plan(retry.execution.pk)

    @rule(pick=PICK)
    def quarantine(self, pick: int) -> None:
        """As three crashes would; the machine rarely comes so far by itself."""
        found = Batch.objects.filter(execution=self.execution(pick), state=BatchState.OPEN, lease_token=None)
        batch = found.order_by("pk").first()
        if batch is not None and batch.position < batch.size:
            Batch.objects.filter(pk=batch.pk).update(state=BatchState.QUARANTINED, crashes=3)

    @rule(pick=PICK, move=st.sampled_from([set_aside.release, set_aside.narrow, set_aside.give_up]))
    def release(self, pick: int, move: Any) -> None:
        self._release(self.execution(pick), move)

    def _release(self, execution_id: int, move: Any) -> None:
        for batch in Batch.objects.filter(execution=execution_id, state=BatchState.QUARANTINED):
            self.tries(move, execution_id, batch_id=batch.pk)

    @invariant()
    def everything_holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        """Let everything come to its end: whatever was done, every execution gets there."""
        if not hasattr(self, "world"):
            return
        self.world.close()
        Batch.objects.filter(execution__in=self.world.executions).exclude(lease_token=None).update(
            lease_until="2020-01-01T00:00:00Z"
        )
        self.world.recover()
        for execution_id in self.world.executions:
            self._complete(execution_id)
        self.world.check()
        self.world.check_end()

    def _complete(self, execution_id: int) -> None:
        self.tries(control.resume, execution_id)
        self.world.plan(execution_id)
        self._release(execution_id, set_aside.release)
        for _ in range(20):
            self.world.time_passes()
            self.world.drain_cancelled(execution_id)
            self.world.claim(execution_id)
            for worker in list(self.world.workers):
                self._work_off(worker)
            self.world.finish()
            if self.world.get(execution_id).state in (State.FINISHED, State.CANCELLED):
                return

    def _work_off(self, worker: Worker) -> None:
        self.world.turn(worker, want=10)
        if worker in self.world.workers:
            self.world.send(worker, [Verdict.SENT] * 10)
            self.world.turn(worker, leave=True)


def test_whatever_happens_nobody_is_lost_doubled_or_miscounted() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
