"""What a rule means, said a second time: in Python, over people in memory. Shares no code with the compiler."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_DAY = re.compile(r"([12]\d{3}-\d\d-\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?\Z", re.ASCII)
_INSTANT = re.compile(r"[12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-](0\d|1[0-4]):?[0-5]\d)\Z", re.ASCII)


@dataclass
class Happened:
    name: str
    at: datetime
    properties: dict[str, Any]


@dataclass
class Received:
    campaign_id: int
    tags: Sequence[str]
    sent_at: datetime


@dataclass
class Reach:
    """`fit`: active, subscribed and not suppressed."""

    type: str
    app_id: str | None
    fit: bool


@dataclass
class Person:
    attributes: dict[str, Any]
    locale: str = ""
    timezone: str = ""
    list_ids: set[int] = field(default_factory=set)
    events: list[Happened] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    reach: list[Reach] = field(default_factory=list)
    id: int = 0


@dataclass
class Oracle:
    now: datetime
    zone: str

    def fits(self, person: Person, rule: dict[str, Any]) -> bool:
        match rule["type"]:
            case "and":
                return all(self.fits(person, one) for one in rule["conditions"])
            case "or":
                return any(self.fits(person, one) for one in rule["conditions"])
            case "not":
                return not self.fits(person, rule["condition"])
            case "attribute":
                return self.compares(person.attributes, rule)
            case "event":
                return bool(self._did(person, rule) == (rule["operator"] == "did"))
            case "list":
                return bool(bool(person.list_ids & set(rule["list_ids"])) == (rule["operator"] == "in"))
            case "campaign":
                return bool(self._received(person, rule) == (rule["operator"] == "received"))
            case "locale":
                return _named(rule, person.locale, lambda one: f"{person.locale}-".startswith(f"{one}-"))
            case "timezone":
                return _named(rule, person.timezone, lambda one: person.timezone == one)
        reached = any(
            one.fit and one.type == rule["channel"] and ("app_ids" not in rule or one.app_id in rule["app_ids"])
            for one in person.reach
        )
        return bool(reached == (rule["operator"] == "reachable"))

    def _did(self, person: Person, rule: dict[str, Any]) -> bool:
        number = sum(
            one.name == rule["name"]
            and self._within(rule.get("within"), one.at)
            and all(self.compares(one.properties, filter) for filter in rule.get("where", []))
            for one in person.events
        )
        count = rule.get("count", {"operator": "at_least", "value": 1})
        limit = count["value"]
        return bool(
            {"at_least": number >= limit, "at_most": number <= limit, "exactly": number == limit}[count["operator"]]
        )

    def _received(self, person: Person, rule: dict[str, Any]) -> bool:
        tags = {tag.lower() for tag in rule.get("tags", [])}
        return any(
            (one.campaign_id in rule.get("campaign_ids", []) or tags & {tag.lower() for tag in one.tags})
            and self._within(rule.get("within"), one.sent_at)
            for one in person.received
        )

    def _within(self, within: dict[str, Any] | None, at: datetime) -> bool:
        if within is None:
            return True
        if "last" in within:
            return self.now - timedelta(**{within["unit"]: within["last"]}) <= at <= self.now
        after = "from" not in within or at >= datetime.fromisoformat(within["from"])
        return after and ("to" not in within or at <= datetime.fromisoformat(within["to"]))

    def compares(self, bag: dict[str, Any], rule: dict[str, Any]) -> bool:
        value = bag.get(rule["name"])
        operator = rule["operator"]
        given = rule.get("values", [rule.get("value")])
        match rule["value_type"]:
            case "any":
                return bool((value is not None) == (operator == "exists"))
            case "text":
                return _text(value, operator, given)
            case "number":
                return _number(value, rule)
            case "boolean":
                return isinstance(value, bool) and value == rule["value"]
            case "date":
                day = self._day(value)
                return day is not None and self._date(day, rule)
        return _list(value, operator, given)

    def _day(self, value: Any) -> date | None:
        if not isinstance(value, str):
            return None
        written = _DAY.match(value)
        try:
            if written:
                datetime.fromisoformat(_microseconds(value))
                return date.fromisoformat(written[1])
            if _INSTANT.match(value):
                instant = datetime.fromisoformat(_microseconds(value))
                return instant.astimezone(ZoneInfo(self.zone)).date()
        except ValueError:
            pass
        return None

    def _date(self, day: date, rule: dict[str, Any]) -> bool:
        today = self.now.astimezone(ZoneInfo(self.zone)).date()
        number = rule.get("days", 0)
        match rule["operator"]:
            case "on":
                return day == date.fromisoformat(rule["value"])
            case "before":
                return day < date.fromisoformat(rule["value"])
            case "after":
                return day > date.fromisoformat(rule["value"])
            case "between":
                return date.fromisoformat(rule["from"]) <= day <= date.fromisoformat(rule["to"])
            case "in_last":
                return bool(0 <= (today - day).days <= number)
            case "in_next":
                return bool(0 <= (day - today).days <= number)
            case "more_than_ago":
                return bool((today - day).days > number)
        return any(
            _kept(day, (today + timedelta(days=ahead)).year) == today + timedelta(days=ahead)
            for ahead in range(number + 1)
        )


def _kept(born: date, year: int) -> date:
    """When a birthday is kept in a year: the 29th of February on the 28th where there is none."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def _microseconds(text: str) -> str:
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def _named(rule: dict[str, Any], value: str, fits: Any) -> bool:
    operator = rule["operator"]
    if operator in ("exists", "not_exists"):
        return bool((value != "") == (operator == "exists"))
    return bool(any(fits(one) for one in rule["values"]) == (operator == "in"))


def _text(value: Any, operator: str, given: list[Any]) -> bool:
    text = value if isinstance(value, str) else None
    one = given[0]
    match operator:
        case "equals" | "in":
            return text in given and text is not None
        case "not_equals" | "not_in":
            return text is None or text not in given
        case "contains":
            return text is not None and one in text
        case "not_contains":
            return text is None or one not in text
        case "starts_with":
            return text is not None and text.startswith(one)
    return text is not None and text.endswith(one)


def _exact(value: Any) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any, rule: dict[str, Any]) -> bool:
    number = _exact(value)
    operator = rule["operator"]
    given = [Decimal(str(one)) for one in rule.get("values", [rule.get("value")]) if one is not None]
    if operator in ("not_equals", "not_in"):
        return number is None or number not in given
    if number is None:
        return False
    match operator:
        case "equals" | "in":
            return number in given
        case "greater":
            return number > given[0]
        case "at_least":
            return number >= given[0]
        case "less":
            return number < given[0]
        case "at_most":
            return number <= given[0]
    return Decimal(str(rule["from"])) <= number <= Decimal(str(rule["to"]))


def _list(value: Any, operator: str, given: list[Any]) -> bool:
    items = value if isinstance(value, list) else []
    held = [any(_same(item, one) for item in items) for one in given]
    match operator:
        case "has" | "has_any":
            return any(held)
        case "has_all":
            return all(held)
    return not any(held)


def _same(item: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return isinstance(item, str) and item == wanted
    return _exact(item) == Decimal(str(wanted))
