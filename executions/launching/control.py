"""Pause, resume, cancel: compare-and-set moves, each asked for as often as one likes.

What is in flight when an execution is paused or cancelled is finished, about a second's worth; nothing more is
handed over. The caller enqueues what the new state waits for (`executions.enqueue.enqueue_next`) on commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from common.authorship import Actor
from common.errors import Conflict, NotFound
from executions.models import Execution
from executions.states import State
from workspaces.audit import record

_RACES = 3


@dataclass(frozen=True, slots=True)
class _Move:
    """`since` are the states it starts from; in `already` there is nothing left to do."""

    verb: str
    done: str
    since: frozenset[str]
    already: frozenset[str]
    change: Mapping[str, Any]


# Nobody was planned yet, so nobody is owed a ledger row.
_UNPLANNED = Q(state__in=[State.SCHEDULED, State.AWAITING_APPROVAL]) | Q(
    state=State.PAUSED, paused_from=State.SCHEDULED
)
_PAUSE = _Move(
    verb="pause",
    done="paused",
    since=frozenset({State.SCHEDULED, State.PLANNING, State.RUNNING}),
    already=frozenset({State.PAUSED}),
    change={"paused_from": F("state"), "state": State.PAUSED},
)
_RESUME = _Move(
    verb="resume",
    done="resumed",
    since=frozenset({State.PAUSED}),
    already=frozenset({State.SCHEDULED, State.PLANNING, State.RUNNING}),
    change={"state": F("paused_from"), "paused_from": "", "state_reason": None},
)
_CANCEL = _Move(
    verb="cancel",
    done="cancelled",
    since=frozenset({State.AWAITING_APPROVAL, State.SCHEDULED, State.PLANNING, State.RUNNING, State.PAUSED}),
    already=frozenset({State.CANCELLING, State.CANCELLED}),
    change={
        "state": Case(When(_UNPLANNED, then=Value(State.CANCELLED)), default=Value(State.CANCELLING)),
        "finished_at": Case(When(_UNPLANNED, then=Now()), default=None),
        "paused_from": "",
        "state_reason": None,
    },
)


def pause(*, execution_id: int, workspace_id: int, actor: Actor) -> Execution:
    reason = {"code": "paused", "message": f"Paused by {actor.name}.", "retry_at": None}
    return _move(_PAUSE, execution_id, workspace_id, actor, state_reason=reason)


def resume(*, execution_id: int, workspace_id: int, actor: Actor) -> Execution:
    """Goes on where it was, also if that was planning, or waiting for its time."""
    return _move(_RESUME, execution_id, workspace_id, actor)


def cancel(*, execution_id: int, workspace_id: int, actor: Actor) -> Execution:
    """Whoever was not sent to is recorded as skipped: cancelled, by the workers; until then it is `cancelling`."""
    return _move(_CANCEL, execution_id, workspace_id, actor)


@transaction.atomic
def _move(move: _Move, execution_id: int, workspace_id: int, actor: Actor, **more: Any) -> Execution:
    """Raises NotFound outside the workspace, and Conflict naming the state from which there is no such move."""
    rows = Execution.objects.filter(pk=execution_id, workspace_id=workspace_id)
    state = ""
    for _ in range(_RACES):
        moved = rows.filter(state__in=move.since).update(**move.change, **more)
        execution = rows.first()
        if execution is None:
            raise NotFound("This workspace has no such execution.")
        if moved:
            _record(execution, move.done, actor)
        if moved or execution.state in move.already:
            return execution
        state = State(execution.state).label.lower()
        if execution.state not in move.since:
            break
    raise Conflict(f"Execution {execution_id} is {state}, so it is too late or too early to {move.verb} it.")


def _record(execution: Execution, action: str, actor: Actor) -> None:
    record(
        workspace_id=execution.workspace_id,
        actor=actor,
        action=action,
        object_type="execution",
        object_id=execution.pk,
        object_name=execution.campaign_name,
        details={"state": execution.state},
    )
