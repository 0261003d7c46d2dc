"""A trigger in a person's words: `1 hour after cart_updated, unless order_placed`."""

from collections.abc import Mapping, Sequence
from typing import Any

from audiences.events.models import EventTrigger, PerContact

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_OPERATORS = {
    "exists": "is known",
    "not_exists": "is not known",
    "equals": "is",
    "not_equals": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "greater": "is greater than",
    "at_least": "is at least",
    "less": "is less than",
    "at_most": "is at most",
    "between": "is between",
    "on": "is on",
    "before": "is before",
    "after": "is after",
    "in_last": "is in the last days:",
    "in_next": "is in the next days:",
    "more_than_ago": "is longer ago than days:",
    "anniversary_today": "has its anniversary today",
    "anniversary_in_next": "has its anniversary in the next days:",
    "has": "has",
    "has_not": "does not have",
    "has_any": "has any of",
    "has_all": "has all of",
    "has_none": "has none of",
}
_VALUES = 5
_VALUE_LENGTH = 60


def trigger_words(trigger: EventTrigger) -> str:
    """In one line, for a list."""
    wait = f"{duration_words(trigger.delay_seconds)} after " if trigger.delay_seconds else ""
    where = f" where {conditions_words(trigger.conditions)}" if trigger.conditions else ""
    unless = f", unless {trigger.cancel_event}" if trigger.cancel_event else ""
    return f"{wait}{trigger.event_name}{where}{unless}"


def per_contact_words(trigger: EventTrigger) -> str:
    if trigger.business:
        return "Whoever is in the audience, at each event"
    match trigger.per_contact:
        case PerContact.ONCE:
            return "Each contact once, and never again"
        case PerContact.WINDOW:
            return f"Each contact at most once in {duration_words(trigger.window_seconds or 0)}"
    return "Each contact every time"


def conditions_words(conditions: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(_condition(one) for one in conditions)


def duration_words(seconds: int) -> str:
    """In the largest unit that leaves no rest."""
    length, unit = next((length, unit) for length, unit in _UNITS if seconds % length == 0)
    number = seconds // length
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _condition(one: Mapping[str, Any]) -> str:
    given = [one[name] for name in ("value", "from", "to", "days") if name in one]
    values = one.get("values", ())
    given += [values] if isinstance(values, dict) else values[:_VALUES]
    more = " …" if not isinstance(values, dict) and len(values) > _VALUES else ""
    joined = " and " if "from" in one else ", "
    shown = joined.join(_value(value)[:_VALUE_LENGTH] for value in given)
    return f"{one['name']} {_OPERATORS.get(one['operator'], one['operator'])} {shown}{more}".strip()


def _value(value: Any) -> str:
    """`{"event": "cart_id"}` is a property of the event that triggers."""
    return f"its {value['event']}" if isinstance(value, dict) else str(value)
