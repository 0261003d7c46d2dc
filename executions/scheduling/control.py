"""Pause, resume, cancel a schedule: compare-and-set moves, each asked for as often as one likes.

The executions that it has made are not touched: they have moves of their own.
"""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from common.authorship import Actor
from common.errors import Conflict
from executions.launching.checks import database_time
from executions.models import Schedule, ScheduleState
from executions.scheduling.creating import record_schedule
from executions.scheduling.selectors import due_runs, get_schedule
from executions.timing.recurrence import Run

_ACTIVE, _PAUSED, _CANCELLED = ScheduleState.ACTIVE, ScheduleState.PAUSED, ScheduleState.CANCELLED


@transaction.atomic
def pause_schedule(*, schedule_id: int, workspace_id: int, actor: Actor) -> Schedule:
    """Runs that would be due meanwhile are left out, and not made up for."""
    schedule = _locked(schedule_id, workspace_id)
    reason = {"code": "paused", "message": f"Paused by {actor.name}.", "at": database_time().isoformat()}
    return _move(schedule, actor, "paused", since=(_ACTIVE,), state=_PAUSED, state_reason=reason)


@transaction.atomic
def resume_schedule(*, schedule_id: int, workspace_id: int, actor: Actor) -> Schedule:
    """Goes on with the first run that is still to come; one that has none left has ended."""
    schedule = _locked(schedule_id, workspace_id)
    if schedule.state == _PAUSED:
        following = _first_to_come(schedule)
        if following is None:
            end: dict[str, Any] = {"state": ScheduleState.ENDED, "next_run": None, "next_run_at": None}
            return _move(schedule, actor, "resumed", since=(_PAUSED,), ended_at=Now(), state_reason=None, **end)
        when = {"next_run": following.wall, "next_run_at": following.at}
        return _move(schedule, actor, "resumed", since=(_PAUSED,), state=_ACTIVE, state_reason=None, failures=0, **when)
    return _move(schedule, actor, "resumed", since=(), state=_ACTIVE)


@transaction.atomic
def cancel_schedule(*, schedule_id: int, workspace_id: int, actor: Actor) -> Schedule:
    """It can't be undone."""
    schedule = _locked(schedule_id, workspace_id)
    change: dict[str, Any] = {"state": _CANCELLED, "next_run": None, "next_run_at": None, "state_reason": None}
    return _move(schedule, actor, "cancelled", since=(_ACTIVE, _PAUSED), ended_at=Now(), **change)


def _locked(schedule_id: int, workspace_id: int) -> Schedule:
    """Raises NotFound outside the workspace. A sweep that is making its run is waited for."""
    Schedule.objects.select_for_update().filter(pk=schedule_id, workspace_id=workspace_id).first()
    return get_schedule(schedule_id=schedule_id, workspace_id=workspace_id)


def _first_to_come(schedule: Schedule) -> Run | None:
    if schedule.next_run is None:
        return None
    now = database_time()
    return next((run for run in due_runs(schedule) if run.at > now), None)


def _move(schedule: Schedule, actor: Actor, done: str, *, since: tuple[str, ...], **change: Any) -> Schedule:
    """Raises Conflict naming the state from which there is no such move."""
    if schedule.state == change["state"]:
        return schedule
    if not Schedule.objects.filter(pk=schedule.pk, state__in=since).update(**change):
        state = ScheduleState(schedule.state).label.lower()
        raise Conflict(f"Schedule {schedule.pk} is {state}, so it can't be {done}.")
    schedule.refresh_from_db()
    record_schedule(schedule, actor, done)
    return schedule
