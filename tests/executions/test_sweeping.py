from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.delivery import draining, sweeping
from executions.delivery.planning import plan
from executions.delivery.runtime import connection_parameters
from executions.delivery.sweeping import merge_fragments, sweep
from executions.models import Batch, Delivery, Execution
from executions.states import BatchState, State
from providers.models import Provider
from tests.executions.rows import ledger, make_execution
from tests.executions.work import counts, deliver, drain_all, make_due, sweep_all
from tests.factories import make_contact, make_contacts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def at(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_the_sweep_alone_takes_an_execution_from_launch_to_end(workspace: Workspace) -> None:
    make_contacts(workspace, 3)
    execution = make_execution(workspace)
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3})


def test_a_scheduled_execution_starts_when_it_is_due_and_not_before(workspace: Workspace) -> None:
    late = make_execution(workspace, state=State.SCHEDULED, scheduled_for=at(-60))
    early = make_execution(workspace, state=State.SCHEDULED, scheduled_for=at(60))
    assert late.pk in (plans := sweep().plans) and early.pk not in plans
    early.refresh_from_db()
    assert early.state == State.SCHEDULED


def test_a_planner_that_died_is_followed(workspace: Workspace) -> None:
    execution = make_execution(workspace, plan_token="00000000-0000-4000-8000-000000000000", plan_lease_until=at(60))
    assert sweep().plans == []
    Execution.objects.filter(pk=execution.pk).update(plan_lease_until=at(-60))
    assert sweep().plans == [execution.pk]


def test_an_execution_cancelled_in_planning_ends_with_a_row_for_everyone(workspace: Workspace) -> None:
    make_contacts(workspace, 2)
    execution = make_execution(workspace, state=State.CANCELLING)
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, execution.size) == (State.CANCELLED, 2)
    assert [row[2:] for row in ledger(execution)] == [("skipped", "cancelled")] * 2


def test_an_execution_that_is_complete_but_was_not_ended_is_ended(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_contact(workspace)
    execution = make_execution(workspace)
    plan(execution.pk)
    with monkeypatch.context() as patch:
        patch.setattr(draining, "finish_if_complete", lambda execution_id: False)
        drain_all(execution)
    execution.refresh_from_db()
    assert execution.state == State.RUNNING
    sweep()
    execution.refresh_from_db()
    assert execution.state == State.FINISHED


def test_many_executions_end_in_as_many_statements_as_one(workspace: Workspace) -> None:
    """At the end of an hour that of each trigger does."""
    numbers = []
    for executions in (1, 5):
        made = [make_execution(workspace, state=State.RUNNING, size=0) for _ in range(executions)]
        with CaptureQueriesContext(connection) as queries:
            sweep()
        numbers.append(len(queries))
        assert not Execution.objects.filter(pk__in=[one.pk for one in made]).exclude(state=State.FINISHED).exists()
    assert numbers[0] == numbers[1]


def test_only_one_sweep_works_at_a_time(workspace: Workspace) -> None:
    make_execution(workspace)
    with psycopg.connect(**connection_parameters()) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('volley.sweep'))")
        assert sweep().plans == []
    assert len(sweep().plans) == 1


def test_parked_fragments_are_merged_and_nobody_is_lost(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@busy.test": "retry"}})
    for number in range(4):
        make_contact(workspace, email=f"{number}@busy.test")
    execution = deliver(make_execution(workspace))
    split(execution)
    merge_fragments()
    merged = Batch.objects.get(execution=execution, state=BatchState.OPEN)
    assert (merged.size, merged.attempt, merged.reason) == (4, 1, "retry")
    assert merged.recipients.contact_ids == sorted(merged.recipients.contact_ids)
    Provider.objects.filter(workspace=workspace).update(config={})
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 4}
    assert execution.state == State.FINISHED
    assert Delivery.objects.filter(execution_id=execution.pk).count() == 4


def test_a_batch_that_waits_alone_is_not_written_to_at_each_sweep(workspace: Workspace) -> None:
    """Those of forty time zones wait for a day."""
    execution = make_execution(workspace, state=State.RUNNING)
    parked = {"execution": execution, "workspace_id": workspace.pk, "size": 1, "reason": "local_time"}
    alone = [Batch.objects.create(**parked, not_before=at(seconds)) for seconds in (60, 120)]
    merge_fragments()
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmax::text FROM executions_batch WHERE id = ANY (%s)", [[one.pk for one in alone]])
        assert cursor.fetchall() == [("0",), ("0",)]


def split(execution: Execution) -> None:
    """As if each recipient had been parked by a chunk of its own."""
    parked = Batch.objects.select_related("recipients").get(execution=execution, state=BatchState.OPEN)
    arrays = list(zip(parked.recipients.contact_ids, parked.recipients.address_ids, strict=True))
    for contact, address in arrays:
        parked.recipients.pk = None
        part = Batch.objects.create(
            execution=execution,
            workspace_id=parked.workspace_id,
            size=1,
            attempt=parked.attempt,
            reason=parked.reason,
            not_before=parked.not_before,
        )
        type(parked.recipients).objects.create(batch=part, contact_ids=[contact], address_ids=[address])
    Batch.objects.filter(pk=parked.pk).update(
        state=BatchState.CLOSED, position=parked.size, marked_to=parked.size, parked=parked.size
    )


def test_batches_of_different_attempts_are_not_merged(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@busy.test": "retry"}})
    for number in range(2):
        make_contact(workspace, email=f"{number}@busy.test")
    execution = deliver(make_execution(workspace))
    split(execution)
    first = Batch.objects.filter(execution=execution, state=BatchState.OPEN).order_by("id")[0]
    Batch.objects.filter(pk=first.pk).update(attempt=2)
    merge_fragments()
    assert Batch.objects.filter(execution=execution, state=BatchState.OPEN).count() == 2


def test_a_reason_to_wait_that_no_longer_holds_is_forgotten(workspace: Workspace) -> None:
    reason = {"code": "provider_unavailable", "message": "relay: refused", "retry_at": None}
    execution = make_execution(workspace, state=State.RUNNING, state_reason=reason)
    sweeping.forget_healed_providers()
    execution.refresh_from_db()
    assert execution.state_reason is None
