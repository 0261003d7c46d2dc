"""The part of a `schedule` that makes it recur: rule, end, exceptions. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from common.wall_clock import wall_of
from executions.timing.recurrence import YEARS_AHEAD, Recurrence, last_of
from executions.timing.rrule_text import MOST_RUNS, RuleReading, read_rule
from executions.timing.words import Words, day_from, wall_from

MOST_EXCEPTIONS = 366
_END_OF_DAY = time(23, 59, 59)
# UNTIL as RFC 5545 writes it, inside of the rule.
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z)?)?\Z", re.ASCII)
_EXAMPLE = "a day like 2027-06-30, or a day and time like 2027-06-30T10:00"


def read_recurrence(words: Words, *, starts: datetime | None, zone: ZoneInfo | None) -> Recurrence | None:
    """None where it can't be read, or what it starts with can't. `zone` is None for recipients' own clocks."""
    before = len(words.errors)
    reading = read_rule(words.given["rrule"], where=f"{words.name}.rrule")
    words.errors.extend(reading.errors)
    until, count = _read_end(words, reading, zone)
    exceptions = _read_exceptions(words)
    if len(words.errors) > before or starts is None:
        return None
    ends = until
    if count is not None:
        ends = last_of(reading.arguments, starts, count)
    found = Recurrence(_with_end(words, reading, until), reading.arguments, starts, ends, exceptions)
    if next(found.runs(), None) is None:
        message = f"The rule has no run within {YEARS_AHEAD} years, or none that the end and the exceptions leave."
        words.wrong("rrule", "no_runs", message)
    elif count is not None and ends is None:
        message = f"The last of {count} runs would be more than {YEARS_AHEAD} years ahead."
        words.wrong("count" if "count" in words.given else "rrule", "too_far", message, hint="Ask for fewer.")
    return found


def _with_end(words: Words, reading: RuleReading, until: datetime | None) -> str:
    """The rule as one text, whether its end was given in it or beside it."""
    if "count" in words.given:
        return f"{reading.text};COUNT={words.given['count']}"
    return f"{reading.text};UNTIL={until:%Y%m%dT%H%M%S}" if "until" in words.given else reading.text


def stored_recurrence(*, rule: str, starts: datetime, ends: datetime | None, exceptions: Sequence[str]) -> Recurrence:
    """One that was judged when it was stored."""
    left_out = frozenset(found for one in exceptions if (found := day_from(one) or wall_from(one)) is not None)
    return Recurrence(rule, read_rule(rule, where="rrule").arguments, starts, ends, left_out)


def _read_end(words: Words, reading: RuleReading, zone: ZoneInfo | None) -> tuple[datetime | None, int | None]:
    """RFC 5545: a rule ends by UNTIL or by COUNT, never by both."""
    given = {name for name in ("until", "count") if name in words.given}
    inside = {name for name in ("until", "count") if getattr(reading, name) is not None}
    if len(given) + len(inside) > 1:
        words.wrong(
            min(given, default="rrule"), "conflict", "Give one end: until or count, in the rule or beside it.", value=""
        )
        return None, None
    until = _read_until(words) if "until" in given else _until_inside(words, reading.until, zone)
    return until, _read_count(words) if "count" in given else reading.count


def _read_until(words: Words) -> datetime | None:
    value = words.given["until"]
    day = day_from(value)
    until = datetime.combine(day, _END_OF_DAY) if day else wall_from(value)
    if until is None:
        words.wrong("until", "invalid_time", f"The end is {_EXAMPLE}.")
    return until


def _until_inside(words: Words, text: str | None, zone: ZoneInfo | None) -> datetime | None:
    """A day is meant to its end; what ends in Z is UTC."""
    if text is None:
        return None
    found = _BASIC.match(text)
    try:
        numbers = [int(one) for one in found.groups()[:6] if one] if found else []
        until = datetime(*numbers) if numbers else None  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        until = None
    if found is None or until is None or not 1900 <= until.year < 3000:
        words.wrong("rrule", "invalid_time", "UNTIL is like 20270630, 20270630T100000 or 20270630T080000Z.")
        return None
    if found[4] is None:
        return datetime.combine(until.date(), _END_OF_DAY)
    return wall_of(until.replace(tzinfo=UTC), zone) if found[7] and zone is not None else until


def _read_count(words: Words) -> int | None:
    value = words.given["count"]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_RUNS:
        words.wrong("count", "out_of_range", f"The count is a number from 1 to {MOST_RUNS}.", limit=MOST_RUNS)
        return None
    return value


def _read_exceptions(words: Words) -> frozenset[date]:
    value = words.given.get("exceptions", [])
    if not isinstance(value, list):
        words.wrong("exceptions", "wrong_type", f"This is an array, each {_EXAMPLE}.")
        return frozenset()
    if len(value) > MOST_EXCEPTIONS:
        words.wrong("exceptions", "too_many", f"There are at most {MOST_EXCEPTIONS} exceptions.", limit=MOST_EXCEPTIONS)
        return frozenset()
    read: list[Any] = [day_from(one) or wall_from(one) for one in value]
    for place, one in enumerate(read):
        if one is None:
            words.wrong(f"exceptions[{place}]", "invalid_time", f"An exception is {_EXAMPLE}.", value=value[place])
    return frozenset(one for one in read if one is not None)
