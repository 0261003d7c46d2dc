"""`{"event": "sku"}` in the place of a value: a property of the business event that a rule is launched for. Pure.

It may stand for any value of a condition on an attribute or of an event's filter: for `value`, `from`, `to`, `days`,
for one of `values`, or for all of them where the property is a list.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from audiences.segments.vocabulary import GROUPS, MAX_NAME, OPERATORS, Kind, Operand
from common.errors import FieldError

Rule = Mapping[str, Any]

REFERENCE: dict[str, Any] = {
    "type": "object",
    "properties": {"event": {"type": "string", "minLength": 1, "maxLength": MAX_NAME}},
    "required": ["event"],
    "additionalProperties": False,
}
MAX_REFERENCES = 50
PLACES = ("value", "values", "from", "to", "days")
# What stands for a reference while the rest of its condition is judged.
_STAND_INS: Mapping[Operand, Any] = {
    Operand.TEXT: "x",
    Operand.TEXTS: "x",
    Operand.NUMBER: 0,
    Operand.NUMBERS: 0,
    Operand.NUMBER_RANGE: 0,
    Operand.FLAG: True,
    Operand.DAY: "2000-01-01",
    Operand.DAY_RANGE: "2000-01-01",
    Operand.DAYS: 0,
    Operand.SCALAR: "x",
    Operand.SCALARS: "x",
}


def without_references(comparison: Rule, operand: Operand) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The comparison with a fit value for each object that stands in a value's place, and those objects by place."""
    plain, found = dict(comparison), dict(_references(comparison, operand))
    for place in found:
        name, _, item = place.partition("[")
        if item:
            plain[name] = [_STAND_INS[operand] if isinstance(one, dict) else one for one in comparison[name]]
        else:
            plain[name] = [_STAND_INS[operand]] if name == "values" else _STAND_INS[operand]
    return plain, found


def _references(comparison: Rule, operand: Operand) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in PLACES if operand is not Operand.NOTHING else ():
        value = comparison.get(name)
        if isinstance(value, dict):
            yield name, value
        elif name == "values" and isinstance(value, list):
            yield from ((f"{name}[{place}]", one) for place, one in enumerate(value) if isinstance(one, dict))


def comparisons_in(rule: Rule, field: str = "rule") -> Iterator[tuple[str, Rule]]:
    """Each condition on an attribute and each filter of an event, with its place. Of a rule without errors."""
    if rule["type"] in GROUPS:
        for place, one in enumerate(rule["conditions"]):
            yield from comparisons_in(one, f"{field}.conditions[{place}]")
    elif rule["type"] == Kind.NOT:
        yield from comparisons_in(rule["condition"], f"{field}.condition")
    elif rule["type"] == Kind.ATTRIBUTE:
        yield field, rule
    elif rule["type"] == Kind.EVENT:
        yield from ((f"{field}.where[{place}]", one) for place, one in enumerate(rule.get("where", ())))


def operand_of(comparison: Rule) -> Operand:
    return OPERATORS[comparison["value_type"]][comparison["operator"]]


def event_properties(rule: Rule) -> dict[str, Operand]:
    """The names of the event's properties that a rule without errors refers to, each with what it is first used as."""
    found: dict[str, Operand] = {}
    for _, one in comparisons_in(rule):
        for _, reference in _references(one, operand_of(one)):
            found.setdefault(reference["event"], operand_of(one))
    return found


def needs_event(properties: Iterable[str], *, field: str = "rule", hint: str | None = None) -> FieldError:
    """What is said where a rule that refers to an event is asked for without one."""
    names = list(properties)
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    message = f"The rule refers to the business event that launches it ({shown}), and here there is none."
    return FieldError(field, "needs_event", message, None, None, hint or "Give an example of the event's properties.")
