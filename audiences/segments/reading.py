"""Reads a rule as somebody wrote it: every error at once, at a bounded cost. Pure; ids are looked up elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from audiences.bad_value import BadValue
from audiences.locale_tag import parse_locale, parse_timezone
from audiences.segments import node_schemas
from audiences.segments.event_references import MAX_REFERENCES, REFERENCE, operand_of, without_references
from audiences.segments.periods import moment
from audiences.segments.schema_errors import schema_errors, unknown_choice
from audiences.segments.vocabulary import (
    GROUPS,
    KIND_OPERATORS,
    MAX_BYTES,
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_FILTERS,
    MAX_WINDOW_SECONDS,
    OPERATORS,
    UNITS,
    Kind,
)
from common.channels import APP_TYPES
from common.errors import FieldError
from common.fields import json_name
from common.personalization import shown

Rule = dict[str, Any]

_ANYTHING: dict[str, Any] = {}
_EXAMPLE = (
    'For example {"type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro"}.'
)
_FILTER_EXAMPLE = (
    'For example [{"name": "total", "value_type": "number", "operator": "at_least", "value": 100}]. '
    "They are written like the filters of an event in a segment's rule."
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something of the workspace that a rule names: `kind` is list, campaign, tag or app."""

    kind: str
    value: int | str
    field: str


@dataclass(slots=True)
class RuleReading:
    """`rule` is fit to be compiled only where there are no errors."""

    rule: Rule
    errors: list[FieldError] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


@dataclass(slots=True)
class WhereReading:
    """`where` is fit to be used only where there are no errors."""

    where: list[Rule]
    errors: list[FieldError] = field(default_factory=list)


def read_where(value: Any, *, field: str = "where", refers: bool = False) -> WhereReading:
    """The filters of an event by themselves, all of which are to fit; None is none. `refers`: to another event."""
    if value is None:
        return WhereReading([])
    if not isinstance(value, list):
        message = f"Filters are a list of objects; this is {json_name(value)}."
        return WhereReading([], [FieldError(field, "wrong_type", message, shown(value), hint=_FILTER_EXAMPLE)])
    too_large = _too_large(value, field)
    if too_large:
        return WhereReading([], [too_large])
    if len(value) > MAX_FILTERS:
        message = f"There are {len(value)} filters; at most {MAX_FILTERS}."
        return WhereReading([], [FieldError(field, "too_many", message, len(value), MAX_FILTERS)])
    reader = _Reader(field, refers=refers)
    return WhereReading([reader.filter(one, f"{field}[{place}]") for place, one in enumerate(value)], reader.errors)


def read_rule(value: Any, *, field: str = "rule") -> RuleReading:
    if not isinstance(value, dict):
        code, said = ("required", "Give a rule.") if value is None else ("wrong_type", _not_object(value))
        return RuleReading({}, [FieldError(field, code, said, shown(value), hint=_EXAMPLE)])
    too_large = _too_large(value, field)
    if too_large:
        return RuleReading({}, [too_large])
    reader = _Reader(field)
    rule = reader.node(value, field, depth=1)
    return RuleReading(rule, reader.errors, reader.references)


def _too_large(value: Any, field: str) -> FieldError | None:
    """Nesting that no rule has is found here without following it; numbers beyond 64 bits too."""
    try:
        text = orjson.dumps(value)
    except (TypeError, RecursionError) as error:
        if "64-bit" in str(error):
            return FieldError(field, "out_of_range", "The rule holds a number beyond 64 bits.")
        if "surrogate" in str(error) or "UTF-8" in str(error):
            return FieldError(field, "invalid_text", "The rule holds half of a surrogate pair, which is no character.")
        return _too_deep(field)
    if len(text) > MAX_BYTES:
        message = f"A rule has at most {MAX_BYTES} bytes as JSON; this has {len(text)}."
        return FieldError(field, "too_large", message, len(text), MAX_BYTES, "Put the values in a list, and name that.")
    if b"\\u0000" in text and _has_nul(value):
        return FieldError(field, "nul", "The rule holds a NUL character.")
    return None


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    children: Iterable[Any] = value if isinstance(value, list) else ()
    if isinstance(value, dict):
        children = (*value.keys(), *value.values())
    return any(_has_nul(child) for child in children)


def _too_deep(field: str) -> FieldError:
    message = f"Conditions are nested deeper than {MAX_DEPTH}."
    return FieldError(field, "too_deep", message, None, MAX_DEPTH, "Join groups that say the same word.")


def _not_object(value: Any) -> str:
    return f"A condition is an object; this is {json_name(value)}."


class _Reader:
    def __init__(self, root: str, *, refers: bool = True) -> None:
        self._root = root
        self._refers = refers
        self._conditions = 0
        self._referred = 0
        self.errors: list[FieldError] = []
        self.references: list[Reference] = []

    def node(self, value: Any, field: str, *, depth: int) -> Rule:
        if depth > MAX_DEPTH:
            self.errors.append(_too_deep(field))
            return {}
        if not isinstance(value, dict):
            self.errors.append(FieldError(field, "wrong_type", _not_object(value), shown(value), hint=_EXAMPLE))
            return {}
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in set(Kind):
            self.errors.append(unknown_choice(f"{field}.type", kind, list(Kind)))
            return {}
        return self._group(value, Kind(kind), field, depth) if kind in (*GROUPS, Kind.NOT) else self._leaf(value, field)

    def _group(self, value: Rule, kind: Kind, field: str, depth: int) -> Rule:
        if not self._fits(value, node_schemas.group_schema(kind, _ANYTHING), field):
            return {}
        if kind is Kind.NOT:
            return {
                "type": kind.value,
                "condition": self.node(value["condition"], f"{field}.condition", depth=depth + 1),
            }
        children = [
            self.node(child, f"{field}.conditions[{place}]", depth=depth + 1)
            for place, child in enumerate(value["conditions"])
        ]
        return {"type": kind.value, "conditions": children}

    def _leaf(self, value: Rule, field: str) -> Rule:
        if not self._counted():
            return {}
        kind = Kind(value["type"])
        if kind is Kind.ATTRIBUTE:
            return self._comparison(value, field, node_schemas.attribute_schema)
        operator = value.get("operator")
        if not isinstance(operator, str) or operator not in KIND_OPERATORS[kind]:
            self.errors.append(unknown_choice(f"{field}.operator", operator, KIND_OPERATORS[kind]))
            return {}
        within = _within_schema(value.get("within"))
        schema = node_schemas.kind_schema(kind, filters=_ANYTHING, within=within, operator=operator)
        return dict(value) | self._inside(value, kind, field) if self._fits(value, schema, field) else {}

    def _inside(self, value: Rule, kind: Kind, field: str) -> Rule:
        """What the schema can't judge: order, names, and what is to be looked up."""
        self._window(value.get("within"), f"{field}.within")
        match kind:
            case Kind.EVENT:
                filters = [
                    self.filter(one, f"{field}.where[{place}]") for place, one in enumerate(value.get("where", ()))
                ]
                return {"where": filters} if "where" in value else {}
            case Kind.LOCALE | Kind.TIMEZONE if "values" in value:
                parse = parse_locale if kind is Kind.LOCALE else parse_timezone
                return {"values": self._parsed(value["values"], parse, f"{field}.values")}
            case Kind.LIST:
                self._refer("list", value["list_ids"], f"{field}.list_ids")
            case Kind.CAMPAIGN:
                self._refer("campaign", value.get("campaign_ids", ()), f"{field}.campaign_ids")
                self._refer("tag", value.get("tags", ()), f"{field}.tags")
            case Kind.CHANNEL:
                self._of_apps(value, f"{field}.app_ids")
                self._refer("app", value.get("app_ids", ()), f"{field}.app_ids")
        return {name: [int(one) for one in value[name]] for name in ("list_ids", "campaign_ids") if name in value}

    def filter(self, value: Any, field: str) -> Rule:
        if not self._counted():
            return {}
        if not isinstance(value, dict):
            message = f"A filter is an object; this is {json_name(value)}."
            self.errors.append(FieldError(field, "wrong_type", message, shown(value)))
            return {}
        return self._comparison(value, field, node_schemas.filter_schema)

    def _comparison(self, value: Rule, field: str, schema_of: Callable[[str, str], dict[str, Any]]) -> Rule:
        value_type, operator = value.get("value_type"), value.get("operator")
        if not isinstance(value_type, str) or value_type not in OPERATORS:
            self.errors.append(unknown_choice(f"{field}.value_type", value_type, list(OPERATORS)))
            return {}
        if not isinstance(operator, str) or operator not in OPERATORS[value_type]:
            self.errors.append(unknown_choice(f"{field}.operator", operator, list(OPERATORS[value_type])))
            return {}
        plain, referring = without_references(value, operand_of(value)) if self._refers else (value, {})
        fits = self._fits(plain, schema_of(value_type, operator), field)
        if self._referring(referring, field) and fits and not referring:
            self._ordered(value, field)
        return dict(value)

    def _referring(self, references: Mapping[str, Any], field: str) -> bool:
        """False where one is not written as it should be, and from the first that is too many; said once."""
        self._referred += len(references)
        if self._referred - len(references) <= MAX_REFERENCES < self._referred:
            message = f"A rule refers to an event's properties in at most {MAX_REFERENCES} places."
            self.errors.append(FieldError(self._root, "too_many", message, None, MAX_REFERENCES))
        if self._referred > MAX_REFERENCES:
            return False
        judged = [self._fits(one, REFERENCE, f"{field}.{place}") for place, one in references.items()]
        return all(judged)

    def _fits(self, value: Any, schema: Mapping[str, Any], field: str) -> bool:
        found = schema_errors(value, schema, field)
        self.errors.extend(found)
        return not found

    def _counted(self) -> bool:
        """False from the first condition that is too many; said once."""
        self._conditions += 1
        if self._conditions == MAX_CONDITIONS + 1:
            message = f"A rule has at most {MAX_CONDITIONS} conditions, filters of events among them."
            hint = "Join values of one attribute with the operator in."
            self.errors.append(FieldError(self._root, "too_many", message, None, MAX_CONDITIONS, hint))
        return self._conditions <= MAX_CONDITIONS

    def _ordered(self, value: Rule, field: str) -> None:
        """RFC 3339 in different offsets does not sort as text, so moments are compared as such elsewhere."""
        if "from" in value and "to" in value and value["from"] > value["to"]:
            message = "This is before `from`." if isinstance(value["to"], str) else "This is less than `from`."
            self.errors.append(FieldError(f"{field}.to", "out_of_order", message, value["to"], value["from"]))

    def _window(self, within: Any, field: str) -> None:
        if within is None:
            return
        if "last" in within:
            limit = MAX_WINDOW_SECONDS // UNITS[within["unit"]]
            if within["last"] > limit:
                message = f"This is at most {limit} {within['unit']}."
                self.errors.append(FieldError(f"{field}.last", "too_large", message, within["last"], limit))
        elif "from" in within and "to" in within and moment(within["from"]) > moment(within["to"]):
            self.errors.append(
                FieldError(f"{field}.to", "out_of_order", "This is before `from`.", within["to"], within["from"])
            )

    def _parsed(self, values: list[str], parse: Callable[[object], str], field: str) -> list[str]:
        found = []
        for place, one in enumerate(values):
            try:
                found.append(parse(one))
            except BadValue as error:
                self.errors.append(FieldError(f"{field}[{place}]", error.code, error.message, shown(one)))
        return found

    def _of_apps(self, value: Rule, field: str) -> None:
        """Nobody is reached by email in an app: such a condition would quietly fit nobody."""
        if "app_ids" in value and value["channel"] not in APP_TYPES:
            message = f"Apps belong to {' and '.join(sorted(APP_TYPES))}; {value['channel']} reaches a person in none."
            self.errors.append(FieldError(field, "not_allowed", message, hint="Leave app_ids out."))

    def _refer(self, kind: str, values: Iterable[Any], field: str) -> None:
        for place, one in enumerate(values):
            value = int(one) if kind in ("list", "campaign") else one
            self.references.append(Reference(kind, value, f"{field}[{place}]"))


def _within_schema(value: Any) -> dict[str, Any]:
    relative = isinstance(value, dict) and not {"from", "to"} & set(value)
    return node_schemas.LAST if relative else node_schemas.SPAN
