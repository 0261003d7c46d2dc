"""The cut-off of a launch: from then on nobody is sent to any more. Pure.

It is an instant, or what the clocks of each recipient show: `Execution.cut_off_at` and `cut_off_local`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from common.errors import FieldError
from common.wall_clock import instant_of, wall_of, zone_or_utc
from executions.timing.recurrence import RECIPIENT
from executions.timing.timing import FURTHEST, Timing
from executions.timing.words import Words, wall_from

FIELDS = ("at", "after_seconds", "local_time")
LEAST_SECONDS = 60
MOST_SECONDS = int(FURTHEST.total_seconds())
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class CutOff:
    """At most one of the two."""

    at: datetime | None = None
    local: datetime | None = None


def read_cut_off(value: Any, *, timing: Timing, now: datetime, home: str, errors: list[FieldError]) -> CutOff:
    """`home` is the workspace's zone, which is meant where the launch names none."""
    if value is None:
        return CutOff()
    words = Words.of(value, "cut_off", FIELDS, errors)
    before = len(errors)
    found = _read(words, timing, now, home)
    if len(errors) == before and words.given:
        _judge(words, found, timing, now)
    return found


def _read(words: Words, timing: Timing, now: datetime, home: str) -> CutOff:
    if len(words.given) != 1:
        message = f"Give exactly one of {', '.join(FIELDS)}."
        words.errors.append(FieldError(words.name, "required", message, hint=_HINT))
        return CutOff()
    if "after_seconds" in words.given:
        return _after(words, timing, now)
    if "local_time" in words.given:
        return _at_time_of_day(words, timing, now, home)
    if timing.recurrence is not None:
        hint = "Give after_seconds or local_time, which each run counts from its own time."
        words.wrong("at", "out_of_place", "One moment can't be the cut-off of many runs.", hint=hint)
        return CutOff()
    return _at(words, timing, home)


_HINT = 'For example {"at": "2026-12-24T21:00"}, {"after_seconds": 7200} or {"local_time": "21:00"}.'


def _after(words: Words, timing: Timing, now: datetime) -> CutOff:
    seconds = words.given["after_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        message = f"This is a whole number of seconds from {LEAST_SECONDS} to {MOST_SECONDS}."
        words.wrong("after_seconds", "out_of_range", message, limit=MOST_SECONDS)
        return CutOff()
    wait = timedelta(seconds=seconds)
    if timing.local_time is not None:
        return CutOff(local=timing.local_time + wait)
    return CutOff(at=(timing.at or now) + wait)


def _at_time_of_day(words: Words, timing: Timing, now: datetime, home: str) -> CutOff:
    """The first such time after the beginning: at 21:00 for a launch at 22:00 is tomorrow."""
    text = words.given["local_time"]
    found = _TIME.match(text) if isinstance(text, str) else None
    if found is None:
        words.wrong("local_time", "invalid_time", "This is a time of the day from 00:00 to 23:59.")
        return CutOff()
    zone = _zone(timing, home)
    begins = timing.local_time or wall_of(timing.at or now, zone)
    wall = datetime.combine(begins.date(), time(int(found[1]), int(found[2])))
    if wall <= begins:
        wall += timedelta(days=1)
    return CutOff(local=wall) if timing.local_time is not None else CutOff(at=instant_of(wall, zone))


def _at(words: Words, timing: Timing, home: str) -> CutOff:
    text = words.given["at"]
    wall = wall_from(text)
    if wall is not None:
        return CutOff(local=wall) if timing.local_time is not None else CutOff(at=instant_of(wall, _zone(timing, home)))
    try:
        if isinstance(text, str) and _RFC3339.match(text):
            moment = datetime.fromisoformat(text.upper())
            if 1900 < moment.year < 3000:
                return CutOff(at=moment.astimezone(UTC))
    except ValueError:
        pass
    words.wrong("at", "invalid_time", "This is no day and time, with an offset or without.", hint=_HINT)
    return CutOff()


def _zone(timing: Timing, home: str) -> ZoneInfo:
    name = home if timing.timezone in ("", RECIPIENT) else timing.timezone
    return zone_or_utc(name)


def _judge(words: Words, found: CutOff, timing: Timing, now: datetime) -> None:
    (field,) = words.given
    begins = timing.at if timing.at is not None and timing.at > now else now
    if found.local is not None and timing.local_time is not None and found.local <= timing.local_time:
        words.wrong(field, "too_early", "The cut-off is not after the time that the launch is for.")
    if found.at is not None and found.at <= begins:
        words.wrong(field, "too_early", "The cut-off is not after the launch, so nobody would be sent to.")
    furthest = timing.local_time or timing.wall
    limit = f"{FURTHEST.days} days"
    if found.at is not None and found.at > begins + FURTHEST:
        words.wrong(field, "too_far", f"The cut-off is at most {limit} after the launch.", limit=limit)
    if found.local is not None and furthest is not None and found.local > furthest + FURTHEST:
        words.wrong(field, "too_far", f"The cut-off is at most {limit} after the launch.", limit=limit)
