"""Reads schedules. Every queryset is scoped to a workspace."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from common.errors import NotFound
from executions.launching.request import LaunchRequest
from executions.models import Schedule, ScheduleState
from executions.timing.recurrence import Recurrence, Run
from executions.timing.repeating import stored_recurrence
from executions.timing.words import wall_text

SHOWN_RUNS = 5
_ACTIONS = {ScheduleState.ACTIVE: ["pause", "cancel"], ScheduleState.PAUSED: ["resume", "cancel"]}


def schedules_of(*, workspace_id: int, campaign: int | None = None, state: str | None = None) -> QuerySet[Schedule]:
    found = Schedule.objects.filter(workspace_id=workspace_id)
    if campaign is not None:
        found = found.filter(campaign_id=campaign)
    if state:
        found = found.filter(state=state)
    return found.select_related("campaign")


def get_schedule(*, schedule_id: int, workspace_id: int) -> Schedule:
    """Raises NotFound outside the workspace."""
    found = schedules_of(workspace_id=workspace_id).filter(pk=schedule_id).first()
    if found is None:
        raise NotFound("This workspace has no such schedule.")
    return found


def recurrence_of(schedule: Schedule) -> Recurrence:
    return stored_recurrence(
        rule=schedule.rrule,
        starts=schedule.starts,
        ends=schedule.ends,
        exceptions=schedule.exceptions,
    )


def request_of(schedule: Schedule, run: Run) -> LaunchRequest:
    """What a run asks of a launch."""
    when: dict[str, Any] = {"at": wall_text(run.wall), "timezone": schedule.timezone}
    if schedule.when_past:
        when["when_past"] = schedule.when_past
    return LaunchRequest(**schedule.request, schedule=when)


def runs_to_come(schedule: Schedule, *, most: int = SHOWN_RUNS) -> list[Run]:
    """The next few; none of a schedule that has ended. Those of one that is paused are what would be. The first is
    stored, the others are computed."""
    if schedule.next_run is None or schedule.state not in _ACTIONS:
        return []
    return list(islice(due_runs(schedule), most))


def due_runs(schedule: Schedule) -> Iterator[Run]:
    """The next run and those after it."""
    return recurrence_of(schedule).due_from(schedule.next_run, schedule.timezone)


def actions_of(schedule: Schedule) -> list[str]:
    return _ACTIONS.get(ScheduleState(schedule.state), [])
