"""What is true of a JSON object in memory is true of it in PostgreSQL, and the other way round."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Literal

from audiences.segments.comparing import comparison_sql
from audiences.segments.matching import fits
from audiences.segments.periods import Moment
from audiences.segments.vocabulary import OPERATORS, Operand

NOW = datetime(2026, 2, 28, 22, 30, tzinfo=UTC)
texts = st.sampled_from(["", "a", "ab", "ba", "ä", "1", "true", "A", "2026-02-28"])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.1, 0.5, -0.0, 1.0, 2.5, 1e15, 1e-7, 10**14]))
days = st.dates(date(2024, 1, 1), date(2028, 12, 31)).map(date.isoformat)
instants = st.builds(
    lambda day, sep, time, fraction, zone: f"{day}{sep}{time}{fraction}{zone}",
    days | st.just("2026-02-28"),
    st.sampled_from(["T", " "]),
    st.sampled_from(["00:00:00", "23:59:59", "12:30:00"]),
    st.sampled_from(["", ".5", ".9999999", ".999999499", ".123456789"]),
    st.sampled_from(["Z", "+05:30", "-1100", "+14:00", ""]),
)
dates = st.one_of(days, instants, st.sampled_from(["2026-02-29", "2024-02-29", "2026-02-28T24:00:00Z", "26-02-28"]))
scalars = st.one_of(texts, numbers, st.booleans(), st.none(), dates)
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(texts, scalars, max_size=2))
bags = st.dictionaries(st.sampled_from(["p", "q"]), values, max_size=2)

_OPERANDS: dict[Operand, st.SearchStrategy[dict[str, Any]]] = {
    Operand.NOTHING: st.just({}),
    Operand.TEXT: st.fixed_dictionaries({"value": texts.filter(bool)}),
    Operand.TEXTS: st.fixed_dictionaries({"values": st.lists(texts.filter(bool), min_size=1, max_size=3)}),
    Operand.NUMBER: st.fixed_dictionaries({"value": numbers}),
    Operand.NUMBERS: st.fixed_dictionaries({"values": st.lists(numbers, min_size=1, max_size=3)}),
    Operand.NUMBER_RANGE: st.fixed_dictionaries({"from": numbers, "to": numbers}),
    Operand.FLAG: st.fixed_dictionaries({"value": st.booleans()}),
    Operand.DAY: st.fixed_dictionaries({"value": days}),
    Operand.DAY_RANGE: st.fixed_dictionaries({"from": days, "to": days}),
    Operand.DAYS: st.fixed_dictionaries({"days": st.integers(0, 400)}),
    Operand.SCALAR: st.fixed_dictionaries({"value": texts.filter(bool) | numbers}),
    Operand.SCALARS: st.fixed_dictionaries({"values": st.lists(texts.filter(bool) | numbers, min_size=1, max_size=3)}),
}


def asking(value_type: str, operator: str, kind: Operand) -> st.SearchStrategy[dict[str, Any]]:
    head = {"name": "p", "value_type": value_type, "operator": operator}
    return _OPERANDS[kind].map(lambda operand: {**head, **operand})


conditions = st.one_of(
    *(
        asking(value_type, operator, kind)
        for value_type, operators in OPERATORS.items()
        for operator, kind in operators.items()
    )
)


@pytest.mark.django_db
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    bag=bags,
    asked=st.lists(conditions, min_size=20, max_size=60),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Kiritimati"]),
)
def test_memory_and_database_agree(bag: dict[str, Any], asked: list[dict[str, Any]], zone: str) -> None:
    moment = Moment(NOW, zone)
    questions = SQL(", ").join([comparison_sql(SQL("b.bag"), one, moment) for one in asked])
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT {} FROM (SELECT {}::jsonb AS bag) b").format(questions, Literal(json.dumps(bag))))
        answers = cursor.fetchone()
    told = [fits(bag, one, lambda: moment) for one in asked]
    differing = [(one, here, there) for one, here, there in zip(asked, told, answers, strict=True) if here is not there]
    assert not differing, (bag, differing)
