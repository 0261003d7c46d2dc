"""The cut-off: from then on nobody is sent to any more, and whoever is left gets a row at once."""

from datetime import UTC, timedelta

import pytest

from executions.delivery import draining, lanes, sweeping
from executions.delivery.ending import cut_off_is_past
from executions.launching.checks import database_time
from executions.models import Batch, Execution
from executions.reading.progress import progress_of
from executions.states import BatchState, State
from providers.models import Provider
from tests.executions.own_clocks import EAST, HOUR, WEST, by_reason, planned, waits, wall_now
from tests.executions.rows import list_of, make_execution
from tests.executions.work import counts, deliver, drain_all, make_due, sweep_all
from tests.factories import make_cap, make_contact, make_contacts, make_suppression
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def past(execution: Execution, seconds: float = 1) -> None:
    Execution.objects.filter(pk=execution.pk).update(cut_off_at=database_time() - timedelta(seconds=seconds))


def test_after_the_cut_off_whoever_is_left_is_skipped_and_the_execution_ends(workspace: Workspace) -> None:
    make_contacts(workspace, 3)
    stopped = make_contact(workspace)
    execution = planned(make_execution(workspace, cut_off_at=database_time() + HOUR))
    make_suppression(workspace, stopped.addresses.get().value)
    past(execution)
    sweep_all()
    execution.refresh_from_db()
    assert execution.state == State.FINISHED
    assert by_reason(execution) == {"cut_off": 3, "suppressed": 1}
    assert progress_of([execution])[execution.pk].reasons["skipped"] == {"cut_off": 3, "suppressed": 1}


@pytest.mark.parametrize("reason", ["retry", "frequency_cap", "quiet_hours", "local_time"])
def test_whatever_they_wait_for(workspace: Workspace, reason: str) -> None:
    make_contacts(workspace, 2)
    execution = planned(make_execution(workspace, cut_off_at=database_time() + HOUR))
    Batch.objects.filter(execution=execution).update(reason=reason, not_before=database_time() + 9 * HOUR, attempt=1)
    sweep_all()
    assert counts(execution) == {}
    past(execution)
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, by_reason(execution)) == (State.FINISHED, {"cut_off": 2})


def test_a_provider_that_is_away_or_a_rate_keeps_nobody(workspace: Workspace) -> None:
    make_contacts(workspace, 2)
    execution = planned(make_execution(workspace, cut_off_at=database_time() + HOUR))
    later = database_time() + HOUR
    Execution.objects.filter(pk=execution.pk).update(paced_until=later)
    Provider.objects.filter(pk=execution.provider_id).update(unavailable_until=later)
    Batch.objects.filter(execution=execution).update(state=BatchState.QUARANTINED, crashes=3)
    past(execution)
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, by_reason(execution)) == (State.FINISHED, {"cut_off": 2})


def test_a_paused_execution_is_cut_off_when_it_is_resumed(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = planned(make_execution(workspace, cut_off_at=database_time() + HOUR))
    Execution.objects.filter(pk=execution.pk).update(state=State.PAUSED)
    past(execution)
    sweep_all()
    assert by_reason(execution) == {}
    Execution.objects.filter(pk=execution.pk).update(state=State.RUNNING)
    sweep_all()
    assert by_reason(execution) == {"cut_off": 1}


def test_a_cut_off_in_the_middle_of_a_turn_is_seen_by_the_next_chunk(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes after the lane has looked, and before the chunk is marked."""
    make_contacts(workspace, 3)
    execution = planned(make_execution(workspace, cut_off_at=database_time() + HOUR))
    past(execution)
    monkeypatch.setattr(draining, "cut_off_is_past", lambda execution: False)
    [turn] = lanes.open_lanes(execution.pk)
    successor = draining.drain(turn)
    assert successor is not None
    assert counts(execution) == {}
    monkeypatch.setattr(draining, "cut_off_is_past", cut_off_is_past)
    assert draining.drain(successor) is None
    execution.refresh_from_db()
    assert (execution.state, by_reason(execution)) == (State.FINISHED, {"cut_off": 3})


def test_a_local_cut_off_is_each_recipients_own_and_ends_with_the_last(workspace: Workspace) -> None:
    make_contact(workspace, timezone=EAST)
    make_contact(workspace, timezone=WEST)
    hour = wall_now(7)
    execution = make_execution(workspace, local_time=hour, local_past="send_now", cut_off_local=hour + HOUR)
    planned(execution)
    assert execution.cut_off_last == (hour + HOUR).replace(tzinfo=UTC) + 12 * HOUR
    # As if three hours had passed: the zone in the east is past its end, the one in the west is not.
    began = database_time() - 3 * HOUR
    Execution.objects.filter(pk=execution.pk).update(
        local_time=hour - 3 * HOUR, cut_off_local=hour - 2 * HOUR, planning_began_at=began
    )
    make_due(execution)
    assert by_reason(drain_all(execution)) == {"cut_off": 1, "sent": 1}


def test_who_would_be_due_after_the_cut_off_is_ruled_out_by_the_plan(workspace: Workspace) -> None:
    make_contact(workspace, timezone=EAST)
    make_contact(workspace, timezone=WEST)
    execution = planned(
        make_execution(workspace, local_time=wall_now(7), local_past="skip", cut_off_at=database_time() + 5 * HOUR)
    )
    assert execution.planned_skips == {"cut_off": 1}
    assert sum(waits(execution).values()) == 1


def test_the_sweep_finds_it(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = planned(make_execution(workspace, cut_off_at=database_time() + HOUR))
    Batch.objects.filter(execution=execution).update(not_before=database_time() + HOUR)
    assert sweeping.sweep().turns == []
    past(execution)
    assert [turn.execution_id for turn in sweeping.sweep().turns] == [execution.pk]


def test_uses_of_caps_are_given_back_at_the_cut_off(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@later.test": "retry"}})
    person = make_contact(workspace, email="a@later.test")
    execution = deliver(make_execution(workspace, cut_off_at=database_time() + HOUR))
    assert counts(execution) == {}
    past(execution)
    sweep_all()
    assert by_reason(execution) == {"cut_off": 1}
    Provider.objects.filter(workspace=workspace).update(config={})
    assert counts(deliver(make_execution(workspace, audience=list_of(workspace, person)))) == {"sent": 1}
