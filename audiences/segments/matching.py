"""The comparisons of `audiences.segments.comparing`, of one JSON object in memory: what is true there is true here.

Pure. For the properties of an event that was just read; a property test holds the two to each other.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from audiences.segments.comparing import DAY_PATTERN, INSTANT_PATTERN
from audiences.segments.periods import Moment, anniversaries, days
from audiences.segments.vocabulary import OPPOSITES

Condition = Mapping[str, Any]

_DAY = re.compile(DAY_PATTERN.removesuffix("$"))
_INSTANT = re.compile(INSTANT_PATTERN.removesuffix("$"))
_FRACTION = re.compile(r"[.](\d{7,9})")
_DATE_LENGTH = 10


def fits_all(properties: Mapping[str, Any], conditions: Sequence[Condition], moment: Callable[[], Moment]) -> bool:
    """`moment` is asked only where a condition is about dates."""
    return all(fits(properties, one, moment) for one in conditions)


def fits(properties: Mapping[str, Any], condition: Condition, moment: Callable[[], Moment]) -> bool:
    """`condition` as `comparison_sql` takes it."""
    value = properties.get(condition["name"])
    opposite = OPPOSITES.get(condition["operator"])
    if opposite is not None:
        return not _BY_TYPE[condition["value_type"]](value, {**condition, "operator": opposite}, moment)
    return _BY_TYPE[condition["value_type"]](value, condition, moment)


def _any(value: Any, condition: Condition, moment: Callable[[], Moment]) -> bool:
    return value is not None


def _text(value: Any, condition: Condition, moment: Callable[[], Moment]) -> bool:
    if not isinstance(value, str):
        return False
    match condition["operator"]:
        case "equals" | "in":
            return value in _given(condition)
        case "contains":
            return condition["value"] in value
        case "starts_with":
            return value.startswith(condition["value"])
        case _:
            return value.endswith(condition["value"])


def _number(value: Any, condition: Condition, moment: Callable[[], Moment]) -> bool:
    if not _is_number(value):
        return False
    number = _decimal(value)
    match condition["operator"]:
        case "equals" | "in":
            return any(number == _decimal(one) for one in _given(condition))
        case "between":
            return _decimal(condition["from"]) <= number <= _decimal(condition["to"])
    return _COMPARED[condition["operator"]](number, _decimal(condition["value"]))


_COMPARED: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "greater": lambda number, bound: number > bound,
    "at_least": lambda number, bound: number >= bound,
    "less": lambda number, bound: number < bound,
    "at_most": lambda number, bound: number <= bound,
}


def _boolean(value: Any, condition: Condition, moment: Callable[[], Moment]) -> bool:
    return value is condition["value"]


def _list(value: Any, condition: Condition, moment: Callable[[], Moment]) -> bool:
    if not isinstance(value, list):
        return False
    held = [any(_same(one, wanted) for one in value) for wanted in _given(condition)]
    return all(held) if condition["operator"] == "has_all" else any(held)


def _date(value: Any, condition: Condition, moment: Callable[[], Moment]) -> bool:
    if not isinstance(value, str):
        return False
    asked = moment()
    day = _day_of(value, asked)
    if day is None:
        return False
    if condition["operator"].startswith("anniversary"):
        return day[5:] in anniversaries(condition, asked.today)
    first, last = days(condition, asked.today)
    return first.isoformat() <= day <= last.isoformat()


def _day_of(text: str, asked: Moment) -> str | None:
    """The day that a date is on: as written, or, of an instant, in the workspace's zone. None for what is no date."""
    if _DAY.fullmatch(text):
        return text[:_DATE_LENGTH]
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return _local_day(text, asked.zone).isoformat()
    except OverflowError:
        return None


def _local_day(text: str, zone: str) -> date:
    """PostgreSQL rounds to a microsecond, where Python cuts off."""
    fraction = _FRACTION.search(text)
    rest = timedelta()
    if fraction is not None:
        text = text.replace(fraction[0], "")
        rest = timedelta(microseconds=round(Decimal(f"0.{fraction[1]}") * 1_000_000))
    return (datetime.fromisoformat(text).astimezone(UTC) + rest).astimezone(ZoneInfo(zone)).date()


def _given(condition: Condition) -> list[Any]:
    return list(condition["values"]) if "values" in condition else [condition["value"]]


def _same(value: Any, wanted: Any) -> bool:
    """Two scalars of JSON: 1 is 1.0, and true is not 1."""
    if _is_number(value) and _is_number(wanted):
        return _decimal(value) == _decimal(wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


_BY_TYPE: Mapping[str, Callable[[Any, Condition, Callable[[], Moment]], bool]] = {
    "any": _any,
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "list": _list,
}
