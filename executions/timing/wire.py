"""When an execution or a schedule is for, as the API shows it. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from common.wall_clock import wall_of, zone_or_utc
from executions.timing.recurrence import RECIPIENT, Run
from executions.timing.words import wall_text


class Timed(Protocol):
    """An execution."""

    timezone: str
    scheduled_for: datetime | None
    local_time: datetime | None
    local_past: str
    cut_off_at: datetime | None
    cut_off_local: datetime | None


def asked_time(execution: Timed) -> dict[str, Any] | None:
    """None where no wall clock was named."""
    wall = asked_wall(execution)
    if wall is None:
        return None
    return {"at": wall_text(wall), "timezone": execution.timezone, "when_past": execution.local_past or None}


def asked_wall(execution: Timed) -> datetime | None:
    if execution.local_time is not None:
        return execution.local_time
    if not execution.timezone or execution.scheduled_for is None:
        return None
    return wall_of(execution.scheduled_for, zone_or_utc(execution.timezone))


def asked_cut_off(execution: Timed) -> dict[str, Any] | None:
    if execution.cut_off_local is not None:
        return {"at": wall_text(execution.cut_off_local), "timezone": RECIPIENT}
    if execution.cut_off_at is not None:
        return {"at": instant_text(execution.cut_off_at), "timezone": "UTC"}
    return None


def runs_shown(runs: Iterable[Run]) -> list[dict[str, Any]]:
    return [{"at": wall_text(run.wall), "starts_at": instant_text(run.at)} for run in runs]


def instant_text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
