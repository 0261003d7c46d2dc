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
from executions.delivery import progressing
from executions.delivery.leases import lease_end
from executions.delivery.sweeping import merge_fragments
from executions.launching import control
from executions.launching.retrying import retry_failed
from executions.models import Batch
from executions.settling import set_aside
from executions.settling.unknowns import settle_unknown
from executions.states import BatchState, Outcome
from providers.contract import Verdict
from tests.executions.ledger_world import Worker, World

pytestmark = pytest.mark.django_db(transaction=True)

VERDICTS = [Verdict.SENT, Verdict.FAILED, Verdict.RETRY, Verdict.THROTTLED, Verdict.UNKNOWN, Verdict.UNSTARTED]
ANSWERS = st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=4)
ENDS = st.sampled_from(["leave", "record", "crash", "sleep"])
FINAL = st.lists(st.sampled_from([Verdict.SENT, Verdict.FAILED, Verdict.UNKNOWN]), min_size=1, max_size=4)
MOST_LAUNCHES = 2
MOST_EXECUTIONS = 5
MOST_WORKERS = 3
PICK = st.integers(min_value=0, max_value=10)


class LedgerMachine(RuleBasedStateMachine):
    world: World

    @initialize(
        on_unknown=st.sampled_from(["hold", "hold", "resend"]), quiet=st.sampled_from([None, "skip", None, "hold"])
    )
    def begin(self, on_unknown: str, quiet: str | None) -> None:
        self.world = World(on_unknown)
        self.world.quiet(quiet)
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

    @precondition(lambda self: len(self.world.executions) < MOST_LAUNCHES)
    @rule()
    def launch(self) -> None:
        self.world.launch()

    @precondition(lambda self: len(self.world.workers) < MOST_WORKERS)
    @rule(pick=PICK, want=st.integers(1, 4))
    def begin_a_batch(self, pick: int, want: int) -> None:
        self._begin(self.execution(pick), want)

    def _begin(self, execution_id: int, want: int) -> Worker | None:
        before = len(self.world.workers)
        self.world.claim(execution_id)
        if len(self.world.workers) == before:
            return None
        worker = self.world.workers[-1]
        self.world.turn(worker, want=want)
        return worker if worker in self.world.workers else None

    @rule(pick=PICK, want=st.integers(1, 6), verdicts=ANSWERS, end=ENDS)
    def work_on_a_batch(self, pick: int, want: int, verdicts: list[Verdict], end: str) -> None:
        """All in one, so that the machine comes further than by single steps."""
        worker = self._begin(self.execution(pick), want)
        if worker is None:
            return
        self.world.send(worker, verdicts)
        if end == "crash":
            self.world.crash(worker, in_flight=1)
            self.world.recover()
        elif end == "sleep":
            self.world.stop(worker)
            self.world.recover()
            self.world.finish()
            self.world.turn(worker)
        else:
            self.world.turn(worker, want=0, leave=end == "leave")

    @rule(pick=PICK, verdicts=FINAL)
    def work_to_the_end(self, pick: int, verdicts: list[Verdict]) -> None:
        execution_id = self.execution(pick)
        self.world.plan(execution_id)
        self._work(execution_id, verdicts)

    @precondition(has_workers)
    @rule(pick=PICK, verdicts=ANSWERS)
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

    @rule(pick=PICK, move=st.sampled_from([control.pause, control.resume, control.resume, control.cancel]))
    def move(self, pick: int, move: Any) -> None:
        self.tries(move, self.execution(pick))

    @rule(merge=st.booleans(), in_time=st.booleans())
    def sweep(self, merge: bool, in_time: bool) -> None:
        """What beat does every few seconds, some of it."""
        self.world.recover()
        for execution_id in self.world.executions:
            self.world.plan(execution_id)
            self.world.drain_ending(execution_id)
        if merge:
            merge_fragments()
        if in_time:
            self.world.time_passes()
        self.world.finish()

    @rule(policy=st.sampled_from(["hold", "skip", None]))
    def quiet(self, policy: str | None) -> None:
        self.world.quiet(policy)

    @precondition(lambda self: len(self.world.executions) > 1)
    @rule(pick=PICK)
    def cut_off(self, pick: int) -> None:
        self.world.cut_off(self.execution(pick))

    @rule(place=st.integers(0, 5))
    def suppress(self, place: int) -> None:
        self.world.suppress(place)

    @rule(outcome=st.sampled_from([Outcome.SENT, Outcome.FAILED]), everyone=st.booleans())
    def settle_by_hand(self, outcome: Outcome, everyone: bool) -> None:
        """In the first execution in which somebody is unknown."""
        for execution_id in self.world.executions:
            unknown = [pair for pair, (found, _) in self.world.rows(execution_id).items() if found is Outcome.UNKNOWN]
            if unknown:
                named = (
                    None if everyone else [f"{execution_id}-{contact}-{address}" for contact, address in unknown[:1]]
                )
                more = {"outcome": outcome, "delivery_ids": named, "note": ""}
                done = self.world.by_hand(settle_unknown, execution_id, **more)
                assert done.settled == (len(unknown) if everyone else 1)
                return

    @precondition(has_room)
    @rule(include=st.sampled_from([("failed",), ("failed", "unknown")]), at_once=st.booleans())
    def retry(self, include: tuple[str, ...], at_once: bool) -> None:
        """Of the last execution that is over, and has somebody to be tried again."""
        self.world.finish()
        for execution_id in reversed(self.world.executions):
            retry = self.tries(retry_failed, execution_id, include=include)
            if retry is not None and retry.made:
                self.world.executions.append(retry.execution.pk)
                if at_once:
                    self.world.plan(retry.execution.pk)
                return

    @rule(pick=PICK, move=st.sampled_from([set_aside.release, set_aside.narrow, set_aside.give_up, None]))
    def quarantine(self, pick: int, move: Any) -> None:
        """As three crashes would, which the machine rarely comes to by itself; and out again, or not."""
        found = Batch.objects.filter(execution=self.execution(pick), state=BatchState.OPEN, lease_token=None)
        batch = found.order_by("pk").first()
        if batch is not None and batch.position < batch.size:
            Batch.objects.filter(pk=batch.pk).update(state=BatchState.QUARANTINED, crashes=3)
        if move is not None:
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
        self.world.quiet(None)
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
        self._work(execution_id, [Verdict.SENT])

    def _work(self, execution_id: int, verdicts: list[Verdict]) -> None:
        """By one worker, as long as it finds batches."""
        for _ in range(20):
            self.world.time_passes()
            self.world.drain_ending(execution_id)
            worker = self._begin(execution_id, 10)
            if worker is None:
                break
            self.world.send(worker, verdicts * 10)
            self.world.turn(worker, leave=True)
        self.world.finish()


def test_whatever_happens_nobody_is_lost_doubled_or_miscounted(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same each time, unless `--hypothesis-seed` asks for others. So leases end where the machine says so alone,
    and not where a busy processor took long over the steps: workers that are played don't look at the clock."""
    monkeypatch.setattr(lease_end, "__defaults__", (3600,))
    monkeypatch.setattr(progressing, "_RENEWED", b"lease_until = " + lease_end().as_bytes())
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=8,
            stateful_step_count=40,
            deadline=None,
            derandomize=request.config.getoption("hypothesis_seed") is None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
