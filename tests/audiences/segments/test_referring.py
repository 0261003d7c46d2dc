"""A filter that refers to another event says what it would if that event's values were written in it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from psycopg.sql import SQL, Composable, Literal
from psycopg.types.json import Jsonb

from audiences.segments.comparing import comparison_sql
from audiences.segments.periods import Moment
from audiences.segments.reading import read_where
from audiences.segments.referring import referring_sql, refers

pytestmark = pytest.mark.django_db
X = {"event": "x"}
BAG = SQL("bag")
MOMENT = Moment(datetime(2026, 11, 23, tzinfo=UTC), "UTC")
VALUES: list[Any] = [
    None, "", "a", "ab", "1", 1, 1.0, 2, -3.5, True, False, [], ["a"], ["a", "b"], [1, "a"], [True], [[]], [""],
    {"event": "x"}, {}, ["a", None],
]  # fmt: skip


def condition(value_type: str, operator: str, **given: Any) -> dict[str, Any]:
    return {"name": "p", "value_type": value_type, "operator": operator, **given}


CONDITIONS = [
    *(condition("text", one, value=X) for one in ("equals", "not_equals", "contains", "not_contains")),
    *(condition("text", one, value=X) for one in ("starts_with", "ends_with")),
    *(condition(type, one, values=X) for type in ("text", "number") for one in ("in", "not_in")),
    condition("text", "in", values=["b", X]),
    condition("text", "not_in", values=[*(str(one) for one in range(200)), X]),
    *(condition("number", one, value=X) for one in ("equals", "not_equals", "greater", "at_least", "less", "at_most")),
    condition("number", "between", **{"from": X, "to": 5}),
    condition("boolean", "equals", value=X),
    *(condition("list", one, value=X) for one in ("has", "has_not")),
    *(condition("list", one, values=X) for one in ("has_any", "has_all", "has_none")),
]


def filled(condition: dict[str, Any], told: dict[str, Any]) -> dict[str, Any] | None:
    """As if it had been written so; None where nobody could write it."""

    def value(place: str, one: Any) -> Any:
        if isinstance(one, list):
            return [value("value", each) for each in one]
        if not isinstance(one, dict):
            return one
        found = told.get(one["event"])
        return [found] if place == "values" and not isinstance(found, list) else found

    made = {name: value(name, one) for name, one in condition.items()}
    return None if read_where([made]).errors else made


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: f"{one['value_type']}-{one['operator']}")
def test_it_fits_what_the_written_filter_fits(condition: dict[str, Any]) -> None:
    assert refers(condition)
    written = {repr(one): filled(condition, {"x": one}) for one in VALUES}
    with connection.cursor() as cursor:
        cursor.execute(SQL(" UNION ALL ").join(_asked(condition, one, written[repr(one)]) for one in VALUES))
        found = cursor.fetchall()
    assert [(told, bag) for told, bag, refers, right in found if refers != right] == []
    assert any(right for *_, right in found)


def _asked(condition: dict[str, Any], told: Any, written: dict[str, Any] | None) -> Composable:
    """For each value: whether the filter that refers fits, and whether the written one does."""
    right = SQL("FALSE") if written is None else comparison_sql(BAG, written, MOMENT)
    return SQL("SELECT {told}::text, bag::text, {found}, {right} FROM unnest({bags}::jsonb[]) bag").format(
        told=Literal(repr(told)),
        found=referring_sql(BAG, condition, Literal(Jsonb({"x": told}))),
        right=right,
        bags=Literal([Jsonb({"p": one}) for one in VALUES]),
    )
