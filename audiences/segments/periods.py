"""What relative times of a rule mean at the moment that it is asked. Pure.

Days are the workspace's: "in the last 30 days" begins with the day 30 days ago and ends with today, and a date that
carries a time is taken on the day that it falls on in the workspace's zone. Windows of events are exact: the last
day is the last 24 hours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from audiences.segments.vocabulary import UNITS

FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a rule is asked, and in which zone its days are."""

    now: datetime
    zone: str

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zone)).date()


def moment(text: str) -> datetime:
    """A moment as rules write it, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def window(within: Mapping[str, Any] | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The first and the last instant, None for no limit. What is relative ends now."""
    if within is None:
        return None, None
    if "last" in within:
        return now - timedelta(seconds=int(within["last"]) * UNITS[within["unit"]]), now
    return tuple(moment(within[name]) if name in within else None for name in ("from", "to"))  # type: ignore[return-value]


def days(condition: Mapping[str, Any], today: date) -> tuple[date, date]:
    """The first and the last day that fit a condition on a date, anniversaries apart."""
    match condition["operator"]:
        case "on":
            return (day := date.fromisoformat(condition["value"])), day
        case "before":
            return FIRST_DAY, _shifted(date.fromisoformat(condition["value"]), -1)
        case "after":
            return _shifted(date.fromisoformat(condition["value"]), 1), LAST_DAY
        case "between":
            return date.fromisoformat(condition["from"]), date.fromisoformat(condition["to"])
        case "in_last":
            return _shifted(today, -int(condition["days"])), today
        case "in_next":
            return today, _shifted(today, int(condition["days"]))
        case "more_than_ago":
            return FIRST_DAY, _shifted(today, -int(condition["days"]) - 1)
    raise ValueError(f"{condition['operator']} is no operator on dates.")


def _shifted(day: date, number: int) -> date:
    ordinal = min(max(day.toordinal() + number, FIRST_DAY.toordinal() - 1), LAST_DAY.toordinal() + 1)
    return date.fromordinal(ordinal)


def anniversaries(condition: Mapping[str, Any], today: date) -> list[str]:
    """The `MM-DD` whose day of this year falls on one of the days asked for. Who was born on 29 February has the
    28th in common years: the day before 1 March, as in most countries' laws, so that nobody waits for four years."""
    ahead = min(int(condition.get("days", 0)), 366)
    found: dict[str, None] = {}
    for number in range(ahead + 1):
        day = _shifted(today, number)
        found[f"{day:%m-%d}"] = None
        if (day.month, day.day) == (2, 28) and not _is_leap(day.year):
            found["02-29"] = None
    return list(found)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
