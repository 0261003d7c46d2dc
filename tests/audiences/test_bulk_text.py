"""What is written as text for PostgreSQL is read by it as what it was."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audiences.bulk_text import boolean_array, cell, moment_array, number_array, text_array

pytestmark = pytest.mark.django_db
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
AWKWARD: list[str | None] = [
    "",
    "\\N",
    "NULL",
    None,
    "{",
    '"',
    "\\",
    "\t",
    "a\r\nb",
    "\\.",
    "a,b",
    " x ",
    "\x0b\x85\u2028",
]


def asked(query: str, given: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, [given])
        return cursor.fetchone()[0]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.none() | texts, max_size=5))
@example(AWKWARD)
def test_texts(values: list[str | None]) -> None:
    assert asked("SELECT %s::text[]", text_array(values)) == values
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copied (place int, one text)")
        with cursor.copy("COPY copied FROM STDIN") as copy:
            copy.write("".join(f"{place}\t{cell(one)}\n" for place, one in enumerate(values)))
        cursor.execute("SELECT one FROM copied ORDER BY place")
        assert [one for (one,) in cursor.fetchall()] == values
        cursor.execute("DROP TABLE copied")


def test_numbers_truths_and_moments() -> None:
    moments = [datetime(2026, 1, 5, 9, tzinfo=UTC), None]
    moments.append(datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=-11, minutes=-30))))
    assert asked("SELECT %s::bigint[]", number_array([1, None, -(2**63)])) == [1, None, -(2**63)]
    assert asked("SELECT %s::boolean[]", boolean_array([True, False])) == [True, False]
    assert asked("SELECT %s::timestamptz[]", moment_array(moments)) == moments
    assert asked("SELECT %s::bigint[]", number_array([])) == []
