"""Executions under rates: what waits, what goes on, and what a throttling answer does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from executions.delivery import sweeping
from executions.delivery import turn as turns
from executions.delivery.draining import drain
from executions.delivery.lanes import open_lanes
from executions.delivery.planning import plan
from executions.delivery.rates import FIRST_QUEUE
from executions.delivery.runtime import runtime
from executions.enqueue import enqueue_plan
from executions.models import Batch, Execution
from executions.states import BatchState, State
from providers import buckets
from providers.buckets import WHOLE, bucket_key, read_slowed
from providers.models import Provider
from providers.sandbox import SandboxAdapter
from tests.executions.rows import ledger, make_execution
from tests.executions.work import counts, deliver, drain_all, forget_rates, make_due
from tests.factories import make_contact, make_contacts, make_provider, make_workspace
from tests.workers import CeleryWorker, celery_worker, flush_queue, wait_for
from workspaces.models import Workspace

__all__ = ("celery_worker",)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> float:
    """Buckets of this process get no token but by `fill`: on a busy machine a second is over at any time."""
    now = time.time()
    for name in ("TAKE", "TAKE_EACH", "SLOW", "SLOWED"):
        script: str = getattr(buckets, name)
        assert "redis.call('TIME')" in script
        monkeypatch.setattr(buckets, name, script.replace("redis.call('TIME')", f"{{{int(now)}, 0}}"))
    return now


def limit(workspace: Workspace, **fields: object) -> Provider:
    Provider.objects.filter(workspace=workspace).update(**fields)
    return Provider.objects.get(workspace=workspace)


def fill(provider: Provider, name: str = "provider", *, at: float = 0) -> None:
    """The bucket as if nobody had asked since then, by default for a long time; its executions may go on."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.hset(bucket_key(provider.pk, name), mapping={"tokens": 0, "at": int(at * 1000)})
    client.close()
    Execution.objects.update(paced_until=None)


def test_a_lane_without_tokens_ends_at_once_and_the_batch_is_nobodys(workspace: Workspace) -> None:
    provider = limit(workspace, rate_per_second=1)
    make_contacts(workspace, 5)
    execution = deliver(make_execution(workspace))
    assert (execution.state, counts(execution)) == (State.RUNNING, {})
    assert execution.paced_until is not None
    [batch] = Batch.objects.filter(execution=execution)
    assert (batch.lease_token, batch.position, batch.marked_to, batch.attempt) == (None, 0, 0, 0)
    fill(provider)
    assert counts(drain_all(execution)) == {"sent": 1}


def test_the_sweep_leaves_a_resting_execution_alone_until_its_time(workspace: Workspace) -> None:
    limit(workspace, rate_per_second=1)
    make_contacts(workspace, 2)
    execution = deliver(make_execution(workspace))
    Execution.objects.update(paced_until="2100-01-01T00:00:00Z")
    assert sweeping.sweep().turns == []
    Execution.objects.update(paced_until="2020-01-01T00:00:00Z")
    assert [turn.execution_id for turn in sweeping.sweep().turns] == [execution.pk]


def test_an_execution_has_a_rate_of_its_own(workspace: Workspace) -> None:
    make_contacts(workspace, 9)
    execution = deliver(make_execution(workspace, rate_per_minute=120))
    assert counts(execution) == {}
    fill(execution.provider, f"execution:{execution.pk}")
    assert counts(drain_all(execution)) == {"sent": 2}


def test_a_slow_domain_waits_without_holding_up_the_others(workspace: Workspace) -> None:
    provider = limit(workspace, domain_rates={"slow.test": 3})
    slow = [make_contact(workspace, email=f"{n}@slow.test").pk for n in range(10)]
    fast = [make_contact(workspace).pk for _ in range(5)]
    slow += [make_contact(workspace, email=f"{n}@slow.test").pk for n in range(10, 13)]
    execution = deliver(make_execution(workspace))
    assert [contact for contact, *_ in ledger(execution)] == fast
    make_due_only(execution)
    sweeping.merge_fragments()
    [waiting] = Batch.objects.filter(execution=execution, state=BatchState.OPEN)
    assert (waiting.reason, waiting.size, waiting.attempt) == ("domain:slow.test", 13, 0)
    fill(provider, "domain:slow.test")
    assert counts(drain_all(execution)) == {"sent": 8}
    waiting.refresh_from_db()
    assert (waiting.position, waiting.marked_to, waiting.state, waiting.parked) == (3, 3, BatchState.OPEN, 0)
    limit(workspace, domain_rates={})
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 18}
    assert execution.state == State.FINISHED
    assert sorted(contact for contact, *_ in ledger(execution)) == sorted(slow + fast)


def make_due_only(execution: Execution) -> None:
    Batch.objects.filter(execution=execution).update(not_before="2020-01-01T00:00:00Z")


def test_batches_of_a_slow_domain_stand_in_line(workspace: Workspace, standing_clock: float) -> None:
    provider = limit(workspace, domain_rates={"slow.test": 2})
    for n in range(20):
        make_contact(workspace, email=f"{n}@slow.test")
    execution = make_execution(workspace)
    plan(execution.pk)
    whole = Batch.objects.get(execution=execution)
    drain_all(execution)
    whole.refresh_from_db()
    assert (whole.parked, whole.state) == (20, BatchState.CLOSED)
    first = Batch.objects.get(execution=execution, state=BatchState.OPEN)
    second = copy_of(first)
    make_due_only(execution)
    forget_rates()
    fill(provider, "domain:slow.test", at=standing_clock + 600)  # nobody's turn comes while we look
    drain_all(execution)
    first.refresh_from_db()
    second.refresh_from_db()
    assert 9 <= (second.not_before - first.not_before).total_seconds() <= 11


def copy_of(batch: Batch) -> Batch:
    made = Batch.objects.get(pk=batch.pk)
    made.pk = None
    made.save()
    recipients = batch.recipients
    recipients.pk = made.pk
    recipients.save(force_insert=True)
    return made


def test_a_domain_that_throttles_is_slowed_down_alone_and_said_so(workspace: Workspace) -> None:
    provider = limit(workspace, config={"rules": {"@busy.test": "throttled"}}, name="relay")
    for n in range(5):
        make_contact(workspace, email=f"{n}@busy.test")
    make_contacts(workspace, 5)
    execution = deliver(make_execution(workspace))
    assert counts(execution) == {"sent": 5}
    assert list(read_slowed(provider.pk)) == ["busy.test"]
    assert execution.state_reason is not None and execution.state_reason["code"] == "slowed"
    assert execution.state_reason["message"].startswith("relay asks us to send more slowly: slowed down busy.test to ")
    assert {(batch.attempt, batch.reason) for batch in Batch.objects.filter(execution=execution, state=1)} == {
        (0, "throttled")
    }


def test_a_provider_that_throttles_everybody_is_slowed_down_and_fails_nobody(workspace: Workspace) -> None:
    provider = limit(workspace, config={"rules": {"": "throttled"}})
    make_contacts(workspace, 60)
    execution = deliver(make_execution(workspace))
    assert counts(execution) == {}
    assert list(read_slowed(provider.pk)) == [WHOLE]
    assert Batch.objects.filter(execution=execution, state=BatchState.OPEN, attempt=0).exists()
    limit(workspace, config={})
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 60}
    assert (execution.state, execution.state_reason) == (State.FINISHED, None)


def test_answers_that_take_longer_than_a_round_hold_up_nothing_for_ever(workspace: Workspace) -> None:
    limit(workspace, config={"latency_ms": 700})
    make_contacts(workspace, 70)
    execution = deliver(make_execution(workspace))
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 70})


def test_what_a_slow_provider_needs_is_kept_in_mind_for_the_next_turn(workspace: Workspace) -> None:
    provider = limit(workspace, config={"latency_ms": 2_000})
    make_contacts(workspace, 1)
    deliver(make_execution(workspace))
    assert runtime().rounds[provider.pk].seconds >= 1


@pytest.fixture
def urgent_message() -> Iterator[None]:
    """A message of a transactional execution that no process is free for."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.lpush(FIRST_QUEUE, "a message")
    yield
    client.delete(FIRST_QUEUE)
    client.close()


@pytest.mark.parametrize(("purpose", "sent"), [("marketing", 5), ("transactional", 20)])
def test_bulk_gives_way_after_a_chunk_and_goes_on_later(
    workspace: Workspace, urgent_message: None, monkeypatch: pytest.MonkeyPatch, purpose: str, sent: int
) -> None:
    monkeypatch.setattr(SandboxAdapter, "chunk", 5)
    monkeypatch.setattr(turns, "TURN_SECONDS", 600.0)
    make_contacts(workspace, 20)
    execution = make_execution(workspace, purpose=purpose)
    plan(execution.pk)
    [turn] = open_lanes(execution.pk)
    successor = drain(turn)
    assert counts(execution) == {"sent": sent}
    assert (successor is None) == (sent == 20)
    if successor is not None:
        drain(successor)
        assert counts(execution) == {"sent": 10}


def test_a_worker_takes_transactional_executions_first(workspace: Workspace, tmp_path: Path) -> None:
    """They come last into the queues, and a worker with one process finds all of them there."""
    flush_queue()
    make_contacts(workspace, 3)
    bulk = [make_execution(workspace) for _ in range(4)]
    first = make_execution(workspace, purpose="transactional")
    for execution in (*bulk, first):
        enqueue_plan(execution.pk)
    worker = CeleryWorker(tmp_path, concurrency=1)
    worker.start(sweeps=False)
    try:
        wait_for(lambda: {_state(one) for one in (*bulk, first)} == {State.FINISHED}, "all are finished")
    finally:
        worker.stop()
    ended = Execution.objects.order_by("finished_at").first()
    assert ended == first


def test_slowness_is_told_as_long_as_it_lasts(workspace: Workspace) -> None:
    limit(workspace, config={"rules": {"": "throttled"}})
    make_contacts(workspace, 20)
    execution = deliver(make_execution(workspace))
    sweeping.sweep()
    execution.refresh_from_db()
    assert execution.state_reason and execution.state_reason["code"] == "slowed"
    forget_rates()
    sweeping.sweep()
    execution.refresh_from_db()
    assert execution.state_reason is None


def test_an_execution_takes_the_time_that_its_providers_rate_gives_it(
    workspace: Workspace, celery_worker: CeleryWorker
) -> None:
    limit(workspace, rate_per_second=20)
    make_contacts(workspace, 60)
    execution = make_execution(workspace)
    wait_for(lambda: _state(execution) == State.FINISHED, "the execution is finished")
    execution.refresh_from_db()
    assert counts(execution) == {"sent": 60}
    assert execution.started_at and execution.finished_at
    assert (execution.finished_at - execution.started_at).total_seconds() > 1.9


def test_executions_that_wait_for_tokens_leave_the_workers_to_others(
    workspace: Workspace, celery_worker: CeleryWorker
) -> None:
    """Twelve of them wait for a provider that takes one a second, each for longer than the test lasts."""
    slow = limit(workspace, rate_per_second=1)
    make_contacts(workspace, 200)
    waiting = [make_execution(workspace, provider=slow) for _ in range(12)]
    wait_for(lambda: all(_state(one) == State.RUNNING for one in waiting), "they are running")
    other = make_workspace()
    make_provider(other, name="fast", is_default=False)
    make_contacts(other, 50)
    execution = make_execution(other)
    wait_for(lambda: _state(execution) == State.FINISHED, "the other is finished")
    assert {_state(one) for one in waiting} == {State.RUNNING}


def _state(execution: Execution) -> str:
    return Execution.objects.values_list("state", flat=True).get(pk=execution.pk)
