"""When each recipient is due by their own clock: for every zone the instant, or that it is too late. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from common.wall_clock import instant_of
from executions.quiet_hours.hours import Hours, quiet_at
from executions.timing.models import LocalPast

# An execution for the first zone of the world begins at its hour, and a planner may be late: nobody is left out, or
# sent to a day later, for that.
LEEWAY = timedelta(minutes=15)
DAY = timedelta(days=1)


class LocalTime(NamedTuple):
    """What a launch asks for, on wall clocks: `wall` the hour, `cut_off` the end. `began`: the instant that it starts.

    `past` says what becomes of zones where the hour was past for longer than the leeway.
    """

    wall: datetime
    past: LocalPast
    cut_off: datetime | None
    began: datetime

    def hour(self, zone: ZoneInfo) -> "Hour":
        due, days = instant_of(self.wall, zone), 0
        if due < self.began - LEEWAY:
            if self.past == LocalPast.SKIP:
                return Hour(None, None)
            if self.past == LocalPast.SEND_NOW:
                return Hour(self.began, self._ends(zone, 0))
            while due < self.began - LEEWAY:
                days += 1
                due = instant_of(self.wall + days * DAY, zone)
        return Hour(max(due, self.began), self._ends(zone, days))

    def _ends(self, zone: ZoneInfo, days: int) -> datetime | None:
        """For whom `next_day` moved, a cut-off moves with their hour."""
        return None if self.cut_off is None else instant_of(self.cut_off + days * DAY, zone)


class Hour(NamedTuple):
    """`due` None: the hour was past, and whoever is late is left out. From `ends` on nobody of the zone is sent to."""

    due: datetime | None
    ends: datetime | None

    @property
    def too_late(self) -> bool:
        return self.due is None or (self.ends is not None and self.ends <= self.due)


class Start(NamedTuple):
    """When people of a zone may be sent to: at once (`due` None), or at the instant that `wait` is the reason of."""

    due: datetime | None
    wait: str
    too_late: bool = False


READY, LOCAL_TIME, QUIET_HOURS = "ready", "local_time", "quiet_hours"
AT_ONCE = Start(None, READY)
TOO_LATE = Start(None, READY, too_late=True)


def start_in(
    zone: ZoneInfo,
    *,
    began: datetime,
    local: LocalTime | None,
    cut_off_at: datetime | None,
    hours: Sequence[Hours],
) -> Start:
    """`hours` are the quiet hours: who would be held by them is due at their end, if that is before the cut-off."""
    hour = Hour(began, None) if local is None else local.hour(zone)
    ends = min((end for end in (hour.ends, cut_off_at) if end is not None), default=None)
    if hour.due is None or (local is not None and ends is not None and ends <= hour.due):
        return TOO_LATE
    quiet = quiet_at(hour.due, zone, hours)
    if quiet is not None and quiet.until is not None:
        return TOO_LATE if ends is not None and ends <= quiet.until else Start(quiet.until, QUIET_HOURS)
    return Start(hour.due, LOCAL_TIME) if hour.due > began else AT_ONCE
