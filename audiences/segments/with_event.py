"""A rule with the values of one business event in the place of its references. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audiences.segments.event_references import PLACES, Rule, event_properties
from audiences.segments.reading import read_rule
from audiences.segments.vocabulary import GROUPS, Kind
from common.errors import FieldError
from common.fields import json_name
from common.personalization import shown


@dataclass(slots=True)
class FilledRule:
    """`rule` is fit to be compiled only where there are no errors."""

    rule: dict[str, Any]
    errors: list[FieldError] = field(default_factory=list)


def with_event(rule: Rule, properties: Mapping[str, Any], *, field: str = "rule") -> FilledRule:
    """`rule` as `read_rule` gave it. Each value is judged as if it had been written in the rule.

    Errors: `missing_property` where the event has none of the name or null, and those of `read_rule`.
    """
    if not event_properties(rule):
        return FilledRule(dict(rule))
    filler = _Filler(properties)
    filled = filler.node(rule, field)
    if filler.errors:
        return FilledRule({}, filler.errors)
    reading = read_rule(filled, field=field)
    return FilledRule(reading.rule, [filler.explained(error) for error in reading.errors])


class _Filler:
    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._properties = properties
        self._names: dict[str, str] = {}
        self.errors: list[FieldError] = []

    def node(self, rule: Rule, field: str) -> dict[str, Any]:
        if rule["type"] in GROUPS:
            children = [self.node(one, f"{field}.conditions[{i}]") for i, one in enumerate(rule["conditions"])]
            return {**rule, "conditions": children}
        if rule["type"] == Kind.NOT:
            return {**rule, "condition": self.node(rule["condition"], f"{field}.condition")}
        if rule["type"] == Kind.ATTRIBUTE:
            return self._comparison(rule, field)
        if rule["type"] == Kind.EVENT and "where" in rule:
            return {
                **rule,
                "where": [self._comparison(one, f"{field}.where[{i}]") for i, one in enumerate(rule["where"])],
            }
        return dict(rule)

    def _comparison(self, rule: Rule, field: str) -> dict[str, Any]:
        return {name: self._value(name, one, f"{field}.{name}") for name, one in rule.items()}

    def _value(self, name: str, value: Any, field: str) -> Any:
        if name not in PLACES:
            return value
        if isinstance(value, list):
            return [self._value("value", one, f"{field}[{place}]") for place, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        found = self._property(value["event"], field)
        return [found] if name == "values" and not isinstance(found, list) else found

    def _property(self, name: str, field: str) -> Any:
        """Objects are refused here: one that looks like a reference must not be read as one."""
        self._names[field] = name
        found = self._properties.get(name)
        if found is None:
            message = f'The event has no property "{name}", which the rule refers to.'
            self.errors.append(FieldError(field, "missing_property", message))
        elif isinstance(found, dict) or (isinstance(found, list) and any(isinstance(one, dict) for one in found)):
            message = f'The event\'s property "{name}" is {json_name(found)}; a rule compares with plain values.'
            self.errors.append(FieldError(field, "wrong_type", message, shown(found)))
        return found

    def explained(self, error: FieldError) -> FieldError:
        """Says which property did not fit."""
        name = self._names.get(error.field) or self._names.get(error.field.rpartition("[")[0])
        if name is None:
            return error
        message = f'The event\'s property "{name}" does not fit: {error.message}'
        return FieldError(error.field, error.code, message, error.value, error.limit, error.hint)
