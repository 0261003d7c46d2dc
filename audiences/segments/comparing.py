"""Conditions on a value under a name of a JSON object (a contact's attributes, an event's properties) as SQL.

Every condition is true or false, never NULL. Equality and membership are containment, which the index on the object
answers; the rest reads the value. A value of another type than the one asked for fits no positive operator.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from psycopg.sql import SQL, Composable, Literal
from psycopg.types.json import Jsonb

from audiences.segments.periods import Moment, anniversaries, days
from audiences.segments.vocabulary import OPPOSITES

Condition = Mapping[str, Any]

# More alternatives than this are looked up in a hash, one row after another, rather than in the index.
_INDEXED_VALUES = 50
_MONTH_DAY = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_LEAP_DAY = "([12][0-9]([02468][48]|[2468]0|[13579][26])|(1[26]|2[048])00)-02-29"
_DAY = f"^([12][0-9]{{3}}-{_MONTH_DAY}|{_LEAP_DAY})"
_TIME = "[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
# A day, perhaps with a time of no zone: the day is what is written.
DAY_PATTERN = f"{_DAY}({_TIME})?$"
# An instant: the day is the workspace's.
INSTANT_PATTERN = f"{_DAY}{_TIME}(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$"
# How far the day written in an instant can be from the day of the workspace.
_SLACK = timedelta(days=2)


def comparison_sql(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    """`bag` is the JSON object's column; `condition` has name, value_type, operator and what that is given."""
    operator = condition["operator"]
    positive = {**condition, "operator": OPPOSITES.get(operator, operator)}
    fits = _BY_TYPE[condition["value_type"]](bag, positive, moment)
    return SQL("(NOT {})").format(fits) if operator in OPPOSITES else fits


def _any(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    return SQL("({} IS NOT NULL)").format(_text_of(bag, condition))


def _text(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    operator = condition["operator"]
    if operator in ("equals", "in"):
        return _holds(bag, condition["name"], _given(condition))
    holds = TEXT_TESTS[operator].format(text=_text_of(bag, condition), value=Literal(condition["value"]))
    return SQL("((jsonb_typeof({}) = 'string' AND {}) IS TRUE)").format(_json_of(bag, condition), holds)


TEXT_TESTS = {
    "contains": SQL("strpos({text}, {value}) > 0"),
    "starts_with": SQL("starts_with({text}, {value})"),
    "ends_with": SQL("right({text}, length({value})) = {value}"),
}


def _number(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    operator = condition["operator"]
    if operator in ("equals", "in"):
        return _holds(bag, condition["name"], _given(condition))
    number = SQL("(CASE WHEN jsonb_typeof({json}) = 'number' THEN {json}::numeric END)").format(
        json=_json_of(bag, condition)
    )
    bounds = {name: Literal(Decimal(str(condition[name]))) for name in ("value", "from", "to") if name in condition}
    return SQL("({} IS TRUE)").format(NUMBER_TESTS[operator].format(number=number, **bounds))


NUMBER_TESTS = {
    "greater": SQL("({number} > {value})"),
    "at_least": SQL("({number} >= {value})"),
    "less": SQL("({number} < {value})"),
    "at_most": SQL("({number} <= {value})"),
    "between": SQL("({number} BETWEEN {from} AND {to})"),
}


def _boolean(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    return _holds(bag, condition["name"], [condition["value"]])


def _list(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    given = _given(condition)
    if condition["operator"] == "has_all":
        return SQL("({} @> {})").format(bag, Literal(Jsonb({condition["name"]: given})))
    return _contains_any(bag, [{condition["name"]: [one]} for one in given])


def _date(bag: Composable, condition: Condition, moment: Moment) -> Composable:
    text = _text_of(bag, condition)
    if condition["operator"].startswith("anniversary"):
        return _on_anniversary(text, anniversaries(condition, moment.today), moment)
    first, last = days(condition, moment.today)
    if first > last:
        return SQL("FALSE")
    bounds = {"first": Literal(first.isoformat()), "last": Literal(last.isoformat())}
    near = SQL('{text} COLLATE "C" BETWEEN {first} AND {last}').format(
        text=text, first=Literal((first - _SLACK).isoformat()), last=Literal(f"{(last + _SLACK).isoformat()}~")
    )
    written = SQL('left({text}, 10) COLLATE "C" BETWEEN {first} AND {last}').format(text=text, **bounds)
    instant = SQL("{local}::date BETWEEN {first}::date AND {last}::date").format(local=_local(text, moment), **bounds)
    return _judged(text, near=near, written=written, instant=instant)


def _on_anniversary(text: Composable, month_days: Sequence[str], moment: Moment) -> Composable:
    wanted = Literal(list(month_days))
    around = Literal(sorted({day for one in month_days for day in _around(one)}))
    near = SQL("substr({}, 6, 5) = ANY ({}::text[])").format(text, around)
    written = SQL("substr({}, 6, 5) = ANY ({}::text[])").format(text, wanted)
    instant = SQL("to_char({}, 'MM-DD') = ANY ({}::text[])").format(_local(text, moment), wanted)
    return _judged(text, near=near, written=written, instant=instant)


def _local(text: Composable, moment: Moment) -> Composable:
    return SQL("({}::timestamptz AT TIME ZONE {})").format(text, Literal(moment.zone))


def _judged(text: Composable, *, near: Composable, written: Composable, instant: Composable) -> Composable:
    """`near` is cheap and true of all that can fit; then a day is judged as `written`, an instant in its zone."""
    return SQL(
        "(({near} AND CASE WHEN {text} ~ {day} THEN {written} WHEN {text} ~ {moment} THEN {instant} END) IS TRUE)"
    ).format(
        near=near,
        text=text,
        day=Literal(DAY_PATTERN),
        written=written,
        moment=Literal(INSTANT_PATTERN),
        instant=instant,
    )


def _around(month_day: str) -> list[str]:
    """The days, of a leap year, that an instant on this day can be written with."""
    day = date.fromisoformat(f"2024-{month_day}")
    return [f"{day + timedelta(days=shift):%m-%d}" for shift in range(-_SLACK.days, _SLACK.days + 1)]


def _given(condition: Condition) -> list[Any]:
    return list(condition["values"]) if "values" in condition else [condition["value"]]


def _json_of(bag: Composable, condition: Condition) -> Composable:
    return SQL("({} -> {})").format(bag, Literal(condition["name"]))


def _text_of(bag: Composable, condition: Condition) -> Composable:
    return SQL("({} ->> {})").format(bag, Literal(condition["name"]))


def _holds(bag: Composable, name: str, values: Sequence[Any]) -> Composable:
    """Is the value under the name one of these?"""
    if len(values) > _INDEXED_VALUES:
        wanted = Literal([Jsonb(one) for one in values])
        return SQL("(({} -> {} = ANY ({}::jsonb[])) IS TRUE)").format(bag, Literal(name), wanted)
    return _contains_any(bag, [{name: one} for one in values])


def _contains_any(bag: Composable, objects: Sequence[Any]) -> Composable:
    if len(objects) == 1:
        return SQL("({} @> {})").format(bag, Literal(Jsonb(objects[0])))
    return SQL("({} @> ANY ({}::jsonb[]))").format(bag, Literal([Jsonb(one) for one in objects]))


_BY_TYPE: Mapping[str, Callable[[Composable, Condition, Moment], Composable]] = {
    "any": _any,
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "list": _list,
}
