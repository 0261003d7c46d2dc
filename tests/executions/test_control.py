"""Pause, resume and cancel: every move from every state."""

from collections.abc import Callable
from typing import Any

import pytest

from common.authorship import Actor
from common.errors import Conflict, NotFound
from executions.launching import control
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Execution
from executions.states import State
from tests.factories import make_campaign, make_contact
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
ACTOR = Actor(kind="user", id=1, name="ana")
Move = Callable[..., Execution]


@pytest.fixture
def execution(workspace: Workspace) -> Execution:
    make_contact(workspace)
    request = LaunchRequest(audience={"type": "all"})
    return launch(campaign=make_campaign(workspace), request=request, actor=ACTOR).execution


def put(execution: Execution, state: str, paused_from: str = "") -> Execution:
    Execution.objects.filter(pk=execution.pk).update(state=state, paused_from=paused_from)
    return execution


def apply(move: Move, execution: Execution) -> Execution:
    return move(execution_id=execution.pk, workspace_id=execution.workspace_id, actor=ACTOR)


def moves(execution: Execution) -> list[str]:
    entries = AuditEntry.objects.filter(object_type="execution", object_id=execution.pk).exclude(action="launched")
    return list(entries.order_by("pk").values_list("action", flat=True))


@pytest.mark.parametrize("state", ["scheduled", "planning", "running"])
def test_pause_remembers_where_it_was_and_resume_goes_back(execution: Execution, state: str) -> None:
    paused = apply(control.pause, put(execution, state))
    assert (paused.state, paused.paused_from) == (State.PAUSED, state)
    assert paused.state_reason == {"code": "paused", "message": "Paused by ana.", "retry_at": None}
    resumed = apply(control.resume, execution)
    assert (resumed.state, resumed.paused_from, resumed.state_reason) == (state, "", None)
    assert moves(execution) == ["paused", "resumed"]


@pytest.mark.parametrize(
    ("move", "state"),
    [
        (control.pause, "paused"),
        (control.resume, "scheduled"),
        (control.resume, "planning"),
        (control.resume, "running"),
        (control.cancel, "cancelling"),
        (control.cancel, "cancelled"),
    ],
)
def test_what_is_done_already_answers_the_state_and_changes_nothing(
    execution: Execution, move: Move, state: str
) -> None:
    assert apply(move, put(execution, state)).state == state
    assert moves(execution) == []


def test_pausing_twice_does_not_forget_where_it_was(execution: Execution) -> None:
    apply(control.pause, put(execution, "running"))
    apply(control.pause, execution)
    assert apply(control.resume, execution).state == State.RUNNING


@pytest.mark.parametrize(
    ("state", "paused_from", "then"),
    [
        ("awaiting_approval", "", "cancelled"),
        ("scheduled", "", "cancelled"),
        ("paused", "scheduled", "cancelled"),
        ("planning", "", "cancelling"),
        ("running", "", "cancelling"),
        ("paused", "planning", "cancelling"),
        ("paused", "running", "cancelling"),
    ],
)
def test_cancel_ends_at_once_only_what_nobody_was_planned_for(
    execution: Execution, state: str, paused_from: str, then: str
) -> None:
    cancelled = apply(control.cancel, put(execution, state, paused_from))
    assert (cancelled.state, cancelled.paused_from) == (then, "")
    assert (cancelled.finished_at is not None) == (then == "cancelled")
    assert moves(execution) == ["cancelled"]


@pytest.mark.parametrize(
    ("move", "state"),
    [
        (control.pause, "awaiting_approval"),
        (control.pause, "cancelling"),
        (control.pause, "finished"),
        (control.resume, "awaiting_approval"),
        (control.resume, "cancelled"),
        (control.resume, "failed"),
        (control.cancel, "finished"),
        (control.cancel, "rejected"),
        (control.cancel, "failed"),
    ],
)
def test_a_move_that_its_state_does_not_allow_names_the_state(execution: Execution, move: Move, state: str) -> None:
    put(execution, state)
    with pytest.raises(Conflict, match=f"is {State(state).label.lower()}"):
        apply(move, execution)
    assert Execution.objects.get(pk=execution.pk).state == state


@pytest.mark.parametrize("move", [control.pause, control.resume, control.cancel])
def test_another_workspace_finds_nothing(execution: Execution, other_workspace: Workspace, move: Move) -> None:
    with pytest.raises(NotFound):
        move(execution_id=execution.pk, workspace_id=other_workspace.pk, actor=ACTOR)
    assert Execution.objects.get(pk=execution.pk).state == State.PLANNING


@pytest.mark.parametrize("move", [control.pause, control.resume, control.cancel])
def test_an_absent_execution_is_not_found(workspace: Workspace, move: Any) -> None:
    with pytest.raises(NotFound):
        move(execution_id=987654321, workspace_id=workspace.pk, actor=ACTOR)
