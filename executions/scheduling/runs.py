"""Makes the executions of schedules whose next run is due.

Each run is made once: under the lock of its schedule's row, whose next run is moved on by compare-and-set in the
transaction that makes the execution; and a run has at most one execution by a unique key. Of runs that nobody made,
as beat or the workers were down, the latest is made up for, once; the others are counted as missed.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from common.authorship import SYSTEM, Actor
from common.errors import DomainError
from executions.launching.checks import database_time
from executions.launching.launch import RunOf, freeze, record_launch
from executions.models import Execution, Schedule, ScheduleState
from executions.scheduling.creating import record_schedule
from executions.scheduling.selectors import due_runs, request_of
from executions.timing.recurrence import Run

MOST_FAILURES = 5
MISSED, REFUSED, TROUBLE = "missed", "refused", "run_failed"
LEAST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=10)
_AT_ONCE = 500
_log = logging.getLogger(__name__)


def make_due_runs() -> list[Execution]:
    """The executions made, to be enqueued. A schedule that fails keeps no other from its run."""
    due = Schedule.objects.filter(state=ScheduleState.ACTIVE, next_run_at__lte=Now()).order_by("next_run_at")
    made = []
    for schedule_id in list(due.values_list("pk", flat=True)[:_AT_ONCE]):
        try:
            made.append(make_run(schedule_id))
        except Exception as error:
            _log.exception("The run of schedule %s failed, and is tried again.", schedule_id)
            _put_off(schedule_id, error)
    return [execution for execution in made if execution is not None]


@transaction.atomic
def make_run(schedule_id: int) -> Execution | None:
    """None where another sweep was there first, or the run was refused, which its schedule then says."""
    due = Schedule.objects.filter(pk=schedule_id, state=ScheduleState.ACTIVE, next_run_at__lte=Now())
    schedule = due.select_for_update(skip_locked=True, of=("self",)).select_related("campaign__workspace").first()
    if schedule is None:
        return None
    now = database_time()
    runs = _Due.of(schedule, now)
    execution, refusal = None, None
    try:
        execution = _launch(schedule, runs.latest)
    except DomainError as error:
        refusal = error
    _move_on(schedule, runs, now, refusal)
    return execution


@dataclass(frozen=True, slots=True)
class _Due:
    """`latest` is the run to be made, `missed` how many before it nobody made; `following` the next one to wait for."""

    latest: Run
    missed: int
    following: Run | None

    @classmethod
    def of(cls, schedule: Schedule, now: datetime) -> "_Due":
        runs = due_runs(schedule)
        latest, missed = next(runs), 0
        for run in runs:
            if run.at > now:
                return cls(latest, missed, run)
            latest, missed = run, missed + 1
        return cls(latest, missed, None)


def _launch(schedule: Schedule, run: Run) -> Execution:
    """In the name of whoever made the schedule; but in the audit trail nobody clicked."""
    author = Actor(schedule.created_by_kind, schedule.created_by_id, schedule.created_by_name)  # type: ignore[arg-type]
    with transaction.atomic():
        execution = freeze(
            campaign=schedule.campaign,
            request=request_of(schedule, run),
            actor=author,
            run_of=RunOf(schedule.pk, run.wall),
        ).execution
        record_launch(execution, SYSTEM)
    return execution


def _move_on(schedule: Schedule, runs: _Due, now: datetime, refusal: DomainError | None) -> None:
    """To the run after it, or to the end."""
    late = refusal is not None and _is_too_late(refusal)
    failures = 0 if refusal is None else schedule.failures + (0 if late else 1)
    state = ScheduleState.ACTIVE if runs.following else ScheduleState.ENDED
    if failures >= MOST_FAILURES and runs.following:
        state = ScheduleState.PAUSED
    change: dict[str, Any] = {
        "state": state,
        "state_reason": _reason(runs, now, refusal, late=late, paused=state is ScheduleState.PAUSED),
        "next_run": runs.following.wall if runs.following else None,
        "next_run_at": runs.following.at if runs.following else None,
        "runs": schedule.runs + (refusal is None),
        "missed": schedule.missed + runs.missed + late,
        "failures": failures,
        "last_run_at": schedule.last_run_at if refusal else now,
        "ended_at": now if state is ScheduleState.ENDED else None,
    }
    same = Schedule.objects.filter(pk=schedule.pk, state=ScheduleState.ACTIVE, next_run=schedule.next_run)
    if not same.update(**change):
        raise AssertionError(f"{schedule} was moved on by another, under our lock")
    schedule.state = state
    if refusal is not None:
        record_schedule(schedule, SYSTEM, "run refused", run=runs.latest.wall.isoformat(), reason=_words(refusal))
    if state is not ScheduleState.ACTIVE:
        record_schedule(schedule, SYSTEM, state.value)


def _is_too_late(refusal: DomainError) -> bool:
    """Nothing is wrong but that its cut-off passed while nobody made it."""
    return bool(refusal.errors) and all(error.field.startswith("cut_off") for error in refusal.errors)


def _reason(
    runs: _Due, now: datetime, refusal: DomainError | None, *, late: bool, paused: bool
) -> dict[str, Any] | None:
    when = f"{runs.latest.wall:%Y-%m-%d %H:%M}"
    if refusal is None and not runs.missed:
        return None
    if refusal is None:
        many = "1 run" if runs.missed == 1 else f"{runs.missed} runs"
        message = f"Missed {many} before {when}, as no worker was there to make what was due."
        return {"code": MISSED, "message": message, "at": now.isoformat()}
    message = f"The run of {when} was {'too late' if late else 'refused'}: {_words(refusal)}"
    if paused:
        message += f" That was the {MOST_FAILURES}th in a row, so the schedule is paused: mend it, then resume."
    return {"code": MISSED if late else REFUSED, "message": message[:1000], "at": now.isoformat()}


def _words(refusal: DomainError) -> str:
    return " ".join(error.message for error in refusal.errors) or refusal.detail


def _put_off(schedule_id: int, error: Exception) -> None:
    """Tried again after as long as it has been failing, so that each try waits twice as long as the one before."""
    with suppress(DatabaseError), transaction.atomic():
        due = Schedule.objects.filter(pk=schedule_id, state=ScheduleState.ACTIVE, next_run_at__lte=Now())
        schedule = due.select_for_update(skip_locked=True).first()
        if schedule is None:
            return
        now = database_time()
        known = schedule.state_reason if (schedule.state_reason or {}).get("code") == TROUBLE else None
        since = datetime.fromisoformat(known["since"]) if known else now
        message = f"The run of {schedule.next_run:%Y-%m-%d %H:%M} can't be made now: {type(error).__name__}: {error}"
        reason = {"code": TROUBLE, "message": message[:500], "at": now.isoformat(), "since": since.isoformat()}
        wait = min(max(now - since, LEAST_PAUSE), LONGEST_PAUSE)
        due.filter(pk=schedule_id).update(next_run_at=now + wait, state_reason=reason)
