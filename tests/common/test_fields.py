from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from common.fields import FlagField, IdField, ItemsField, ObjectField, TextField, TimeField, WholeField, WordField


def code(field: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        field.run_validation(value)
    detail: Any = refused.value.detail
    first = detail[0] if isinstance(detail, list) else next(iter(detail.values()))[0]
    return str(first.code)


@pytest.mark.parametrize("value", [5, "5", "005"])
def test_an_id_is_a_number_or_its_digits(value: Any) -> None:
    assert IdField().run_validation(value) == 5


@pytest.mark.parametrize("value", [True, 5.0, "5.0", "", "1 ", " 1", "1\n", "-5", "٥", [5], {}, "5" * 20])
def test_nothing_else_is_an_id(value: Any) -> None:
    assert code(IdField(), value) == "wrong_type"


def test_an_id_fits_in_a_bigint() -> None:
    assert IdField().run_validation("9223372036854775807") == 2**63 - 1
    assert code(IdField(), "9223372036854775808") == "out_of_range"
    assert code(IdField(), -1) == "out_of_range"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T10:00:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23t10:00:00z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23T10:00:00+05:30", datetime(2026, 11, 23, 4, 30, tzinfo=UTC)),
        ("2026-11-23 10:00:00.250-01:00", datetime(2026, 11, 23, 11, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_time_of_rfc_3339_is_taken_in_utc(text: str, moment: datetime) -> None:
    assert TimeField().run_validation(text) == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T10:00:00", "offset_missing"),
        ("2026-11-23", "invalid_time"),
        ("tomorrow", "invalid_time"),
        ("2026-02-30T10:00:00Z", "invalid_time"),
        ("0001-01-01T00:00:00+23:00", "invalid_time"),
        ("2026-11-23T10:00:00+25:00", "invalid_time"),
        ("2026-11-23T10:00:00Z\n", "invalid_time"),
        (1764000000, "invalid_time"),
        (["2026-11-23T10:00:00Z"], "invalid_time"),
    ],
)
def test_any_other_time_is_refused(text: Any, expected: str) -> None:
    assert code(TimeField(), text) == expected


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (TextField(max_length=3), "four", "too_long"),
        (TextField(), 5, "wrong_type"),
        (TextField(), True, "wrong_type"),
        (TextField(), "", "blank"),
        (TextField(), None, "null"),
        (WholeField(max_value=3), 4, "too_large"),
        (WholeField(min_value=3), 2, "too_small"),
        (WholeField(), "3", "wrong_type"),
        (WholeField(), 2**63, "too_large"),
        (FlagField(), "true", "wrong_type"),
        (FlagField(), 1, "wrong_type"),
        (WordField(["a", "b"]), "c", "unknown_choice"),
        (WordField(["a", "b"]), ["a"], "wrong_type"),
        (ObjectField(), [], "wrong_type"),
        (ItemsField(child=TextField()), "a", "wrong_type"),
        (ItemsField(child=TextField(), max_length=1), ["a", "b"], "too_many"),
        (ItemsField(child=TextField()), [5], "wrong_type"),
    ],
)
def test_a_type_is_a_type(field: Any, value: Any, expected: str) -> None:
    assert code(field, value) == expected


def test_an_alias_gives_the_word_it_stands_for() -> None:
    assert WordField(["push"], aliases={"apn": "push"}).run_validation("apn") == "push"
