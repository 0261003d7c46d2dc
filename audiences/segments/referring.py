"""A filter of one event's properties by those of another, as SQL: each row has its own values to compare with.

What `{"event": "sku"}` stands for is judged as if it had been written in the filter: where the other event has no such
property, or one of another type, the filter fits nothing, and so does its opposite.
"""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg.sql import SQL, Composable, Literal
from psycopg.types.json import Jsonb

from audiences.segments.comparing import NUMBER_TESTS, TEXT_TESTS
from audiences.segments.event_references import PLACES
from audiences.segments.vocabulary import MAX_VALUES, OPPOSITES

Condition = Mapping[str, Any]

# Days are relative, or lie in a zone: they are what the filter says itself.
REFERRING_TYPES = ("text", "number", "boolean", "list")


def refers(condition: Condition) -> bool:
    """Whether an event's property stands for one of its values."""
    return any(isinstance(one, dict) for _, one in _given(condition))


def referring_sql(bag: Composable, condition: Condition, told: Composable) -> Composable:
    """`bag` is the JSON object that is compared, `told` the one that is referred to; `condition` one that `refers`,
    of `REFERRING_TYPES`. Never NULL."""
    operator = condition["operator"]
    positive = OPPOSITES.get(operator, operator)
    value_type = condition["value_type"]
    json = SQL("({} -> {})").format(bag, Literal(condition["name"]))
    fits = _BY_TYPE[value_type](json, {**condition, "operator": positive}, told)
    known = [_known(name, one, value_type, told) for name, one in _given(condition) if isinstance(one, dict)]
    return SQL("(({known} AND {negated}coalesce({fits}, false)) IS TRUE)").format(
        known=SQL(" AND ").join(known), negated=SQL("NOT " if operator in OPPOSITES else ""), fits=fits
    )


def _given(condition: Condition) -> list[tuple[str, Any]]:
    """What stands in the place of values; `values` is the place of a reference to all of them."""
    found: list[tuple[str, Any]] = []
    for name in PLACES:
        value = condition.get(name)
        found.extend((("value", one) for one in value) if isinstance(value, list) else [(name, value)])
    return found


_FIT_TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("string",),
    "number": ("number",),
    "boolean": ("boolean",),
    "list": ("string", "number"),
}


def _known(place: str, reference: Mapping[str, str], value_type: str, told: Composable) -> Composable:
    """It is there, and of the type; what stands for all values may be a list of such."""
    json, types = _property(reference, told), Literal(list(_FIT_TYPES[value_type]))
    none = Literal(Jsonb("" if value_type == "text" else None))
    plain = _PLAIN.format(json=json, types=types, none=none)
    if place != "values":
        return plain
    return SQL("(CASE jsonb_typeof({json}) WHEN 'array' THEN {all} ELSE {plain} END)").format(
        json=json, plain=plain, all=_ALL_PLAIN.format(json=json, most=Literal(MAX_VALUES), types=types, none=none)
    )


_PLAIN = SQL("(jsonb_typeof({json}) = ANY ({types}::text[]) AND {json} <> {none})")
_ALL_PLAIN = SQL("""
    (jsonb_array_length({json}) BETWEEN 1 AND {most} AND NOT EXISTS (
        SELECT FROM jsonb_array_elements({json}) one WHERE jsonb_typeof(one) <> ALL ({types}::text[]) OR one = {none}))
""")


def _text(json: Composable, condition: Condition, told: Composable) -> Composable:
    operator = condition["operator"]
    if operator in ("equals", "in"):
        return _is_one(json, "string", condition, told)
    text = SQL("({} #>> '{{}}')").format(json)
    value = SQL("({} #>> '{{}}')").format(_json(condition["value"], told))
    test = TEXT_TESTS[operator].format(text=text, value=value)
    return SQL("(jsonb_typeof({}) = 'string' AND {})").format(json, test)


def _number(json: Composable, condition: Condition, told: Composable) -> Composable:
    operator = condition["operator"]
    if operator in ("equals", "in"):
        return _is_one(json, "number", condition, told)
    bounds = {name: _numeric(_json(condition[name], told)) for name in ("value", "from", "to") if name in condition}
    return NUMBER_TESTS[operator].format(number=_numeric(json), **bounds)


def _numeric(json: Composable) -> Composable:
    return SQL("(CASE WHEN jsonb_typeof({json}) = 'number' THEN {json}::numeric END)").format(json=json)


def _boolean(json: Composable, condition: Condition, told: Composable) -> Composable:
    return _is_one(json, "boolean", condition, told)


def _list(json: Composable, condition: Condition, told: Composable) -> Composable:
    wanted = _values(condition, told)
    if condition["operator"] == "has_any":
        holds = SQL("EXISTS (SELECT FROM jsonb_array_elements({}) one WHERE {} @> jsonb_build_array(one))")
        return SQL("(jsonb_typeof({}) = 'array' AND {})").format(json, holds.format(wanted, json))
    return SQL("(jsonb_typeof({json}) = 'array' AND {json} @> {wanted})").format(json=json, wanted=wanted)


def _is_one(json: Composable, type: str, condition: Condition, told: Composable) -> Composable:
    return SQL("(jsonb_typeof({json}) = {type} AND {values} @> jsonb_build_array({json}))").format(
        json=json, type=Literal(type), values=_values(condition, told)
    )


def _values(condition: Condition, told: Composable) -> Composable:
    """As one array. What stands for all of them may be one itself, as for no single one."""
    if isinstance(condition.get("values"), dict):
        json = _property(condition["values"], told)
        return SQL("(CASE jsonb_typeof({json}) WHEN 'array' THEN {json} ELSE jsonb_build_array({json}) END)").format(
            json=json
        )
    given = condition["values"] if "values" in condition else [condition["value"]]
    said = Literal(Jsonb([one for one in given if not isinstance(one, dict)]))
    referred = [_property(one, told) for one in given if isinstance(one, dict)]
    return SQL("({} || jsonb_build_array({}))").format(said, SQL(", ").join(referred))


def _json(value: Any, told: Composable) -> Composable:
    return _property(value, told) if isinstance(value, dict) else Literal(Jsonb(value))


def _property(reference: Mapping[str, str], told: Composable) -> Composable:
    return SQL("({} -> {})").format(told, Literal(reference["event"]))


_BY_TYPE: Mapping[str, Callable[[Composable, Condition, Composable], Composable]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "list": _list,
}
