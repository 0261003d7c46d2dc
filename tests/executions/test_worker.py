"""A real worker: nothing of Celery, Redis, PostgreSQL or the operating system is played."""

from collections import Counter

import pytest

from executions.enqueue import enqueue_plan
from executions.models import Execution
from executions.states import State
from providers.models import Provider, SandboxMessage
from tests.executions.rows import ledger, make_execution
from tests.factories import make_contacts, make_workspace
from tests.workers import CeleryWorker, celery_worker, flush_queue, wait_for

__all__ = ("celery_worker",)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance]


def ended(execution: Execution) -> bool:
    execution.refresh_from_db()
    return execution.state in (State.FINISHED, State.CANCELLED)


def test_a_worker_delivers_an_execution(celery_worker: CeleryWorker) -> None:
    workspace = make_workspace()
    make_contacts(workspace, 50)
    execution = make_execution(workspace)
    enqueue_plan(execution.pk)
    wait_for(lambda: ended(execution), "finished")
    assert Counter(outcome for *_, outcome, _reason in ledger(execution)) == {"sent": 50}
    assert SandboxMessage.objects.filter(execution_id=execution.pk).count() == 50


def test_the_sweep_alone_completes_an_execution_though_the_broker_forgets(celery_worker: CeleryWorker) -> None:
    workspace = make_workspace()
    make_contacts(workspace, 20)
    execution = make_execution(workspace)
    flush_queue()
    wait_for(lambda: ended(execution), "finished")
    assert len(ledger(execution)) == 20


def test_workers_killed_in_the_middle_lose_nobody_and_double_nobody(celery_worker: CeleryWorker) -> None:
    workspace = make_workspace()
    Provider.objects.filter(workspace=workspace).update(config={"latency_ms": 40})
    people = make_contacts(workspace, 1500)
    execution = make_execution(workspace)
    enqueue_plan(execution.pk)
    handed_over = SandboxMessage.objects.filter(execution_id=execution.pk)
    for goal in (100, 500, 900):
        wait_for(lambda goal=goal: handed_over.count() >= goal, f"{goal} messages")  # type: ignore[misc]
        celery_worker.kill_child()
    wait_for(lambda: ended(execution), "finished")
    outcomes = Counter(outcome for *_, outcome, _reason in ledger(execution))
    assert sum(outcomes.values()) == len(people) == execution.size
    assert set(outcomes) <= {"sent", "unknown"}
    sent_to = Counter(handed_over.values_list("delivery_id", flat=True))
    assert max(sent_to.values()) == 1
    assert outcomes["sent"] <= len(sent_to) <= outcomes["sent"] + outcomes["unknown"]
