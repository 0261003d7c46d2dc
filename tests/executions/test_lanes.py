import psycopg
import pytest

from executions.delivery import draining, lanes, planning
from executions.delivery import turn as turns_work
from executions.delivery.draining import drain
from executions.delivery.heartbeat import beat
from executions.delivery.lanes import Turn, begin_turn, end_lane, lost_turns, open_lanes
from executions.delivery.planning import plan
from executions.models import Execution, Lane
from executions.states import State
from providers.models import Provider
from tests.executions.rows import make_execution
from tests.executions.work import counts, drain_all
from tests.factories import make_contacts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def execution(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Execution:
    """Planned: six people in three batches. However busy the machine is, no turn is over or lost before they are."""
    monkeypatch.setattr(planning, "BATCH_SIZE", 2)
    monkeypatch.setattr(turns_work, "TURN_SECONDS", 600.0)
    monkeypatch.setattr(lanes, "LOST_AFTER_SECONDS", 600)
    make_contacts(workspace, 6)
    execution = make_execution(workspace)
    plan(execution.pk)
    return execution


def test_as_many_lanes_as_the_workers_can_run(execution: Execution) -> None:
    assert [turn.slot for turn in open_lanes(execution.pk)] == [0, 1]
    beat("worker", instance="one", capacity=2)
    beat("worker", instance="two", capacity=2)
    assert [turn.slot for turn in open_lanes(execution.pk)] == [2, 3]


def test_no_more_lanes_than_batches_are_due(execution: Execution) -> None:
    beat("worker", instance="one", capacity=16)
    assert len(open_lanes(execution.pk)) == 3


def test_a_message_that_comes_twice_takes_one_turn(execution: Execution) -> None:
    turn = open_lanes(execution.pk)[0]
    assert begin_turn(turn) == Turn(execution.pk, 0, turn.ticket + 1)
    assert begin_turn(turn) is None
    assert drain(turn) is None
    assert counts(execution) == {}


def test_an_idle_slot_wakes_with_a_new_ticket(execution: Execution) -> None:
    turns = open_lanes(execution.pk)
    assert open_lanes(execution.pk) == []
    successor = begin_turn(turns[0])
    assert successor is not None
    end_lane(successor)
    assert open_lanes(execution.pk) == [Turn(execution.pk, 0, successor.ticket + 1)]
    assert begin_turn(turns[0]) is None and begin_turn(successor) is None


def test_a_lost_turn_is_named_again_with_its_ticket_and_not_at_once(execution: Execution) -> None:
    turns = open_lanes(execution.pk)
    assert lost_turns() == []
    Lane.objects.update(hinted_at="2020-01-01T00:00:00Z")
    assert sorted(lost_turns()) == turns
    assert lost_turns() == []


def test_lanes_are_not_opened_while_the_provider_is_left_alone(execution: Execution) -> None:
    Provider.objects.update(unavailable_until="2100-01-01T00:00:00Z")
    assert open_lanes(execution.pk) == []


def test_lanes_end_with_the_execution(execution: Execution) -> None:
    drain_all(execution)
    assert execution.state == State.FINISHED
    assert not Lane.objects.exists()


def test_a_turn_that_the_database_cut_short_is_taken_again_at_once(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = open_lanes(execution.pk)[0]
    with monkeypatch.context() as patch:
        patch.setattr(draining, "_work", _cut_short)
        with pytest.raises(psycopg.OperationalError):
            drain(turn)
    [again] = open_lanes(execution.pk)
    assert again.slot == turn.slot
    drain(again)
    assert counts(execution) == {"sent": 6}


def _cut_short(execution_id: int) -> None:
    raise psycopg.OperationalError("terminating connection due to administrator command")


def test_the_turn_of_a_paused_execution_ends_the_lane(execution: Execution) -> None:
    turn = open_lanes(execution.pk)[0]
    Execution.objects.update(state=State.PAUSED)
    assert drain(turn) is None
    assert counts(execution) == {}
