"""A real worker: nothing of Celery, Redis, PostgreSQL or the operating system is played."""

from collections import Counter
from typing import Any

import pytest

from common.authorship import SYSTEM
from executions.enqueue import enqueue_drain, enqueue_plan
from executions.launching.control import cancel, pause, resume
from executions.models import Batch, Execution
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


def test_pausing_and_resuming_under_load_loses_nobody_and_doubles_nobody(celery_worker: CeleryWorker) -> None:
    workspace = make_workspace()
    Provider.objects.filter(workspace=workspace).update(config={"latency_ms": 60})
    people = make_contacts(workspace, 1200)
    execution = make_execution(workspace)
    enqueue_plan(execution.pk)
    handed_over = SandboxMessage.objects.filter(execution_id=execution.pk)
    target: dict[str, Any] = {"execution_id": execution.pk, "workspace_id": workspace.pk, "actor": SYSTEM}
    for goal in (50, 300, 600):
        wait_for(lambda goal=goal: handed_over.count() >= goal, f"{goal} messages")  # type: ignore[misc]
        pause(**target)
        wait_for(lambda: not Batch.objects.filter(execution=execution, lease_token__isnull=False).exists(), "paused")
        count = handed_over.count()
        assert count < len(people)
        resume(**target)
    enqueue_drain(execution.pk)
    wait_for(lambda: ended(execution), "finished")
    assert Counter(outcome for *_, outcome, _reason in ledger(execution)) == {"sent": 1200}
    assert max(Counter(handed_over.values_list("delivery_id", flat=True)).values()) == 1


def test_cancelling_under_load_gives_everyone_a_row(celery_worker: CeleryWorker) -> None:
    workspace = make_workspace()
    Provider.objects.filter(workspace=workspace).update(config={"latency_ms": 60})
    make_contacts(workspace, 1500)
    execution = make_execution(workspace)
    enqueue_plan(execution.pk)
    handed_over = SandboxMessage.objects.filter(execution_id=execution.pk)
    wait_for(handed_over.exists, "a message")
    cancel(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    wait_for(lambda: ended(execution), "cancelled")
    outcomes = Counter((outcome, reason) for *_, outcome, reason in ledger(execution))
    assert execution.state == State.CANCELLED and execution.size == 1500
    assert set(outcomes) == {("sent", None), ("skipped", "cancelled")}
    assert outcomes["sent", None] == handed_over.count()
