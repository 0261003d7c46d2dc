"""Quiet hours on a wall clock: whether a zone has them at an instant, and until when. Pure.

A stretch begins on one of its days and may go past midnight. What counts is what the zone's clocks show: where they
are put back into a stretch, it is quiet again; where they skip its end, it ends as much later as they skip.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from common.wall_clock import instant_of, wall_of

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
EVERY_DAY = frozenset(range(1, 8))
_LONGEST = timedelta(days=8)


class Hours(NamedTuple):
    """`starts` and `ends` are minutes after midnight; `days` those on which a stretch begins, Monday is 1.

    With `hold` people wait until they are over, else they are skipped.
    """

    starts: int
    ends: int
    days: frozenset[int] = EVERY_DAY
    hold: bool = True

    @property
    def minutes(self) -> int:
        return (self.ends - self.starts) % DAY_MINUTES

    def end_of(self, wall: datetime) -> datetime | None:
        """The end of the stretch that `wall` lies in, None outside of them; both naive."""
        for days_ago in (0, 1):
            day = wall.date() - timedelta(days=days_ago)
            begun = datetime.combine(day, time()) + timedelta(minutes=self.starts)
            if day.isoweekday() in self.days and begun <= wall < begun + timedelta(minutes=self.minutes):
                return begun + timedelta(minutes=self.minutes)
        return None


class Quiet(NamedTuple):
    """It is quiet: `until` an instant, or None where whoever is meant is skipped. `hours` is the place of the rule."""

    until: datetime | None
    place: int


def quiet_at(now: datetime, zone: ZoneInfo, hours: Sequence[Hours]) -> Quiet | None:
    """Where some skip and some hold, whoever is in both is skipped. None: it is not quiet."""
    wall = wall_of(now, zone)
    places = [place for place, one in enumerate(hours) if one.end_of(wall) is not None]
    if not places:
        return None
    for place in places:
        if not hours[place].hold:
            return Quiet(None, place)
    return Quiet(_end(now, zone, [one for one in hours if one.hold]), places[0])


def _end(now: datetime, zone: ZoneInfo, hours: Sequence[Hours]) -> datetime:
    """The end of the last of the stretches that follow each other without a gap."""
    at = now
    while at < now + _LONGEST:
        ends = [end for one in hours if (end := one.end_of(wall_of(at, zone))) is not None]
        if not ends:
            break
        at = _next(at, max(ends), zone)
    return at


def _next(at: datetime, wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant after `at` at which the zone's clocks show `wall`; of two, the first that is not past."""
    first = instant_of(wall, zone)
    return first if first > at else wall.replace(tzinfo=zone, fold=1).astimezone(UTC)


def never_end(hours: Iterable[Hours]) -> bool:
    """No minute of the week is left."""
    quiet = bytearray(WEEK_MINUTES)
    for one in hours:
        for day in one.days:
            start = (day - 1) * DAY_MINUTES + one.starts
            for minute in range(start, start + one.minutes):
                quiet[minute % WEEK_MINUTES] = 1
    return all(quiet)
