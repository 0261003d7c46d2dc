"""When a launch begins and ends, in the columns of its execution."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from common.errors import FieldError
from common.wall_clock import EARLIEST_ZONE, instant_of, zone_named, zone_or_utc
from executions.launching.in_time import OutOfTime, within
from executions.launching.request import LaunchRequest
from executions.timing.cut_off import CutOff, read_cut_off
from executions.timing.timing import Timing, read_timing
from workspaces.models import Workspace

# Planning begins so long before the first of the recipients is due by their own clock.
AHEAD = timedelta(minutes=5)
# A million contacts are asked for their zones in a quarter of one.
ZONES_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Moments:
    timing: Timing
    cut_off: CutOff

    @property
    def errors(self) -> Sequence[FieldError]:
        return self.timing.errors

    def columns(self, workspace: Workspace) -> dict[str, Any]:
        """Of an execution; for one run, where the launch recurs."""
        timing = self.timing
        return {
            "scheduled_for": begins_at(workspace, timing.local_time) if timing.local_time else timing.at,
            "timezone": timing.timezone,
            "local_time": timing.local_time,
            "local_past": timing.when_past,
            "cut_off_at": self.cut_off.at,
            "cut_off_local": self.cut_off.local,
        }


def read_moments(*, workspace: Workspace, request: LaunchRequest, now: datetime, late: bool = False) -> Moments:
    """`late`: it is no error if the time is past, as for a run that is made up for."""
    home = workspace.timezone
    timing = read_timing(scheduled_for=request.scheduled_for, schedule=request.schedule, now=now, home=home, late=late)
    cut_off = read_cut_off(request.cut_off, timing=timing, now=now, home=home, errors=timing.errors)
    return Moments(timing, cut_off)


def begins_at(workspace: Workspace, local_time: datetime) -> datetime:
    """Planning, in recipients' local time: a little before the first of the zones that contacts have."""
    return min(instant_of(local_time, zone) for zone in zones_of(workspace)) - AHEAD


def zones_of(workspace: Workspace) -> list[ZoneInfo]:
    """Those that its contacts have, and its own, which is for contacts without one or with one that is unknown. The
    first of the world where there are too many contacts to ask: so nobody's hour is missed."""
    try:
        with within(ZONES_SECONDS), connection.cursor() as cursor:
            cursor.execute(_ZONES, [workspace.pk])
            found = [zone_named(row[0]) for row in cursor.fetchall()]
    except OutOfTime:
        found = [ZoneInfo(EARLIEST_ZONE)]
    return [zone_or_utc(workspace.timezone), *(zone for zone in found if zone is not None)]


_ZONES = "SELECT DISTINCT timezone FROM audiences_contact WHERE workspace_id = %s"
