"""Reads a recurrence rule of RFC 5545, section 3.3.10, and says everything that is wrong with it. Pure.

Runs are at least a quarter of an hour apart: `FREQ` is HOURLY or rarer, and the minutes of `BYMINUTE` keep that
distance. The time zone's own jumps apart, nothing else can bring two runs nearer to each other.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from dateutil import rrule

from common.errors import FieldError

LONGEST = 500
MOST_RUNS = 1_000
LEAST_MINUTES = 15
FREQUENCIES = {name: getattr(rrule, name) for name in ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")}
_TOO_OFTEN = ("MINUTELY", "SECONDLY")
_MOST_DAYS = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7, "DAILY": 1, "HOURLY": 1}
_MOST_IN_MONTH = 5
_WEEKDAYS = {str(day): day for day in (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU)}
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,4}\Z", re.ASCII)
# The least and the greatest value; with True, the same counted from the end by a minus.
_RANGES: Mapping[str, tuple[int, int, bool]] = {
    "INTERVAL": (1, 1_000, False),
    "COUNT": (1, MOST_RUNS, False),
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
_SINGLE = ("INTERVAL", "COUNT")
_NAMES = ("FREQ", "UNTIL", "BYDAY", "WKST", *_RANGES)
_ARGUMENTS = {"BYMONTH": "bymonth", "BYMONTHDAY": "bymonthday", "BYYEARDAY": "byyearday", "BYWEEKNO": "byweekno"} | {
    "BYHOUR": "byhour",
    "BYMINUTE": "byminute",
    "BYSETPOS": "bysetpos",
    "BYDAY": "byweekday",
    "INTERVAL": "interval",
    "WKST": "wkst",
}


@dataclass(slots=True)
class RuleReading:
    """`arguments` are dateutil's; `count` and `until` are apart, as they may be given beside the rule too."""

    text: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    count: int | None = None
    until: str | None = None
    errors: list[FieldError] = field(default_factory=list)

    def wrong(self, where: str, code: str, message: str, **more: Any) -> None:
        self.errors.append(FieldError(where, code, message, self.text[:100], **more))


def read_rule(value: Any, *, where: str) -> RuleReading:
    reading = RuleReading()
    if not isinstance(value, str):
        reading.wrong(where, "wrong_type", "A rule is text.", hint="For example FREQ=WEEKLY;BYDAY=MO,TH.")
        return reading
    reading.text = value.strip().upper().removeprefix("RRULE:").rstrip(";")
    if len(value) > LONGEST:
        reading.wrong(where, "too_long", f"A rule has at most {LONGEST} characters.", limit=LONGEST)
        return reading
    parts = _parts(reading, where)
    for name, text in parts.items():
        _READERS.get(name, _read_numbers)(reading, name, text, where)
    if "FREQ" not in parts:
        message = f"A rule says how often: FREQ is one of {', '.join(FREQUENCIES)}."
        reading.wrong(where, "required", message, hint="For example FREQ=WEEKLY;BYDAY=MO,TH.")
    _judge_together(reading, where)
    return reading


def _parts(reading: RuleReading, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in reading.text.split(";"):
        name, equals, text = part.partition("=")
        if not equals or not text:
            reading.wrong(where, "invalid", f'"{part[:40]}" is no part of a rule.', hint="Parts are like BYDAY=MO.")
        elif name == "BYSECOND":
            reading.wrong(where, "unsupported", "Runs are by the minute: leave BYSECOND out.")
        elif name not in _NAMES:
            hint = f"The parts are {', '.join(_NAMES)}."
            reading.wrong(where, "unknown_part", f'RFC 5545 has no part "{name[:40]}" that is known here.', hint=hint)
        elif name in found:
            reading.wrong(where, "duplicate", f"{name} is given twice.")
        else:
            found[name] = text
    return found


def _read_frequency(reading: RuleReading, name: str, text: str, where: str) -> None:
    if text in FREQUENCIES:
        reading.arguments["freq"] = FREQUENCIES[text]
        return
    hint = f"FREQ is one of {', '.join(FREQUENCIES)}."
    if text in _TOO_OFTEN:
        message = f"Runs are at least {LEAST_MINUTES} minutes apart, so FREQ can't be {text}."
        reading.wrong(where, "too_often", message, limit=LEAST_MINUTES, hint=hint)
    else:
        reading.wrong(where, "unknown_choice", f'There is no FREQ "{text[:40]}".', hint=hint)


def _read_until(reading: RuleReading, name: str, text: str, where: str) -> None:
    reading.until = text


def _read_week_start(reading: RuleReading, name: str, text: str, where: str) -> None:
    if text in _WEEKDAYS:
        reading.arguments["wkst"] = _WEEKDAYS[text]
    else:
        reading.wrong(where, "invalid", f"WKST is a day of the week: one of {', '.join(_WEEKDAYS)}.")


def _read_weekdays(reading: RuleReading, name: str, text: str, where: str) -> None:
    found = [_WEEKDAY.match(one) for one in text.split(",")]
    if not all(one is not None and (one[1] is None or 1 <= abs(int(one[1])) <= 53) for one in found):
        reading.wrong(where, "invalid", "BYDAY holds days of the week like MO,TH, or 1MO for the first Monday.")
        return
    reading.arguments["byweekday"] = [
        _WEEKDAYS[one[2]](int(one[1])) if one[1] else _WEEKDAYS[one[2]] for one in found if one is not None
    ]


def _read_numbers(reading: RuleReading, name: str, text: str, where: str) -> None:
    least, most, signed = _RANGES[name]
    words = text.split(",")
    numbers = [int(word) for word in words if _NUMBER.match(word)]
    fit = all(least <= (abs(number) if signed else number) <= most for number in numbers)
    if not fit or len(numbers) < len(words) or (name in _SINGLE and len(words) > 1):
        from_end = f", or -{least} to -{most} counted from the end" if signed else ""
        message = f"{name} is {'a number' if name in _SINGLE else 'numbers'} from {least} to {most}{from_end}."
        reading.wrong(where, "out_of_range", message, limit=most)
    elif name == "COUNT":
        reading.count = numbers[0]
    else:
        reading.arguments[_ARGUMENTS[name]] = numbers[0] if name in _SINGLE else numbers


_READERS = {"FREQ": _read_frequency, "UNTIL": _read_until, "WKST": _read_week_start, "BYDAY": _read_weekdays}


def _judge_together(reading: RuleReading, where: str) -> None:
    given, freq = reading.arguments, reading.arguments.get("freq")
    minutes = sorted(set(given.get("byminute", [])))
    around = [*minutes, *(minute + 60 for minute in minutes[:1])]
    if len(minutes) > 1 and min(later - earlier for earlier, later in pairwise(around)) < LEAST_MINUTES:
        message = f"Runs are at least {LEAST_MINUTES} minutes apart, and BYMINUTE has some that are nearer."
        reading.wrong(where, "too_often", message, limit=LEAST_MINUTES)
    if freq is None:
        return
    _judge_weekdays(reading, where)
    if freq != FREQUENCIES["YEARLY"] and "byweekno" in given:
        reading.wrong(where, "invalid", "BYWEEKNO goes with FREQ=YEARLY only.")
    if "bysetpos" in given and not any(name.startswith("by") and name != "bysetpos" for name in given):
        reading.wrong(where, "invalid", "BYSETPOS chooses among what another BY… part names; there is none.")
    _judge_positions(reading, where)


def _judge_weekdays(reading: RuleReading, where: str) -> None:
    """They are counted within the month where there is one, and dateutil looks beyond its end for the sixth."""
    given = reading.arguments
    counted = [abs(day.n) for day in given.get("byweekday", ()) if day.n]
    if counted and given["freq"] > FREQUENCIES["MONTHLY"]:
        reading.wrong(where, "invalid", "BYDAY counts days, as in 1MO, only where FREQ is MONTHLY or YEARLY.")
    elif max(counted, default=0) > _MOST_IN_MONTH and (given["freq"] == FREQUENCIES["MONTHLY"] or "bymonth" in given):
        message = f"A month has a day of the week at most {_MOST_IN_MONTH} times, and BYDAY counts further."
        reading.wrong(where, "out_of_range", message, limit=_MOST_IN_MONTH)


def _judge_positions(reading: RuleReading, where: str) -> None:
    """Places that no period has match nothing, and looking for them hour by hour takes seconds."""
    given = reading.arguments
    name = next(name for name, freq in FREQUENCIES.items() if freq == given["freq"])
    hours = 1 if name == "HOURLY" else len(set(given.get("byhour", [0])))
    most = _MOST_DAYS[name] * hours * len(set(given.get("byminute", [0])))
    if any(abs(place) > most for place in given.get("bysetpos", ())):
        message = f"With this FREQ, BYHOUR and BYMINUTE a period has at most {most} runs for BYSETPOS to choose among."
        reading.wrong(where, "out_of_range", message, limit=most)
