"""When an execution begins, and by whose clock: `scheduled_for` and `schedule` of a launch. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from common.errors import FieldError
from common.wall_clock import EARLIEST_ZONE, LATEST_ZONE, instant_of, near_names, wall_of, zone_named
from executions.timing.models import LocalPast
from executions.timing.recurrence import RECIPIENT, Recurrence
from executions.timing.repeating import read_recurrence
from executions.timing.words import Words, read_wall

FURTHEST = timedelta(days=366)
CLOCK_SKEW = timedelta(seconds=30)
_FIELDS = ("at", "timezone", "when_past", "rrule", "until", "count", "exceptions")
_REPEATING = ("rrule", "until", "count", "exceptions")


@dataclass(slots=True)
class Timing:
    """`at` is the instant asked for, None for at once and for recipients' own clocks, whose `local_time` is naive.

    `timezone` is the zone's name or `recipient`, empty where an instant was given. `wall` is `at` as its clocks show
    it. `recurrence` is there for a launch that recurs, and then `at` or `local_time` are those of its first run.
    """

    at: datetime | None = None
    timezone: str = ""
    wall: datetime | None = None
    local_time: datetime | None = None
    when_past: str = ""
    recurrence: Recurrence | None = None
    errors: list[FieldError] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo | None:
        return zone_named(self.timezone)


def read_timing(
    *, scheduled_for: datetime | None, schedule: Any, now: datetime, home: str, late: bool = False
) -> Timing:
    """`home` is the workspace's zone, which is meant where none is named. `late`: a time that is past is no error,
    as for a run that is made up for."""
    timing = Timing()
    if schedule is None:
        timing.at = scheduled_for
    elif scheduled_for is not None:
        message = "Give the time as scheduled_for or as schedule, not as both."
        timing.errors.append(FieldError("schedule", "conflict", message))
        return timing
    else:
        _read_schedule(timing, schedule, home)
    timing.errors.extend(_misplaced(timing, now, late=late))
    return timing


def _read_schedule(timing: Timing, schedule: Any, home: str) -> None:
    words = Words.of(schedule, "schedule", _FIELDS, timing.errors)
    timing.timezone = _read_zone(words, home)
    timing.when_past = _read_past(words, timing.timezone)
    wall = read_wall(words, "at", hint="For an instant with its offset use scheduled_for.")
    if "rrule" in words.given:
        timing.recurrence = read_recurrence(words, starts=wall, zone=timing.zone)
    else:
        words.only_with("rrule", [name for name in _REPEATING if name in words.given])
    if wall is not None:
        _set(timing, wall)


def _set(timing: Timing, wall: datetime) -> None:
    """The first run of a rule may be later than what it counts from."""
    first = next(timing.recurrence.runs(), wall) if timing.recurrence else wall
    timing.wall = first
    if timing.timezone == RECIPIENT:
        timing.local_time = first
    elif timing.zone is not None:
        timing.at = instant_of(first, timing.zone)


def _read_zone(words: Words, home: str) -> str:
    name = words.given.get("timezone", home)
    if isinstance(name, str) and (name == RECIPIENT or zone_named(name)):
        return name
    if name == home:
        return "UTC"
    near = near_names(name) if isinstance(name, str) else []
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    hint = f'{meant}Or "recipient" for each recipient\'s own.'
    words.wrong("timezone", "unknown_timezone", "This is no time zone like Europe/Berlin.", hint=hint)
    return ""


def _read_past(words: Words, timezone: str) -> str:
    if timezone != RECIPIENT:
        words.only_with("timezone: recipient", [name for name in ("when_past",) if name in words.given])
        return ""
    choice = words.given.get("when_past")
    if choice in LocalPast.values:
        return str(choice)
    code = "required" if choice is None else "unknown_choice"
    message = f"Say what becomes of those whose time is past already: one of {', '.join(LocalPast.values)}."
    words.wrong("when_past", code, message)
    return ""


def _misplaced(timing: Timing, now: datetime, *, late: bool) -> list[FieldError]:
    """A time in recipients' own clocks is past when it is so on the last clocks of the world."""
    where, hint = ("schedule.at", None) if timing.wall else ("scheduled_for", "Leave it out to send at once.")
    last, first = timing.at, timing.at
    if timing.local_time is not None:
        last, first = _in(LATEST_ZONE, timing.local_time), _in(EARLIEST_ZONE, timing.local_time)
    if last is None or first is None:
        return []
    shown = (timing.wall or last).isoformat()
    if last < now - CLOCK_SKEW and not late:
        return [FieldError(where, "in_the_past", f"The time is past: it is {_shown(timing, now)}.", shown, hint=hint)]
    if first > now + FURTHEST:
        limit = f"{FURTHEST.days} days"
        return [FieldError(where, "too_far", f"The time is at most {limit} ahead.", shown, limit)]
    return []


def _in(zone: str, wall: datetime) -> datetime:
    return instant_of(wall, ZoneInfo(zone))


def _shown(timing: Timing, now: datetime) -> str:
    zone = timing.zone
    if zone is None:
        return f"{now:%Y-%m-%dT%H:%M:%SZ}"
    return f"{wall_of(now, zone):%Y-%m-%dT%H:%M:%S} in {timing.timezone}"
