"""What columns mean: targets with types, and what is suggested from names and first values."""

from typing import Any

import pytest

from audiences.bad_value import BadValue
from audiences.csv_columns import Columns
from audiences.files.suggesting import fingerprint, suggest
from audiences.files.targets import parse_target


def read(target: Any, cell: str) -> Any:
    return Columns.of(["id", "x"], {"id": "external_id", "x": target}).read(["1", cell]).row["attributes"]["x"]


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ({"type": "number"}, "7", 7),
        ({"type": "number"}, "-1,234.50", -1234.5),
        ({"type": "number"}, "1'234", 1234),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "9223372036854775807", 9223372036854775807),
        ({"type": "number", "decimal": ","}, "1.234,5", 1234.5),
        ({"type": "boolean"}, "Yes", True),
        ({"type": "boolean"}, "0", False),
        ({"type": "date"}, "2026-01-31", "2026-01-31"),
        ({"type": "date"}, "2026-01-31T09:30:00+01:00", "2026-01-31T09:30:00+01:00"),
        ({"type": "date", "order": "day_month_year"}, "31.1.2026", "2026-01-31"),
        ({"type": "date", "order": "day_month_year"}, "31/01/2026 9:05", "2026-01-31T09:05:00"),
        ({"type": "date", "order": "month_day_year"}, "01/31/2026", "2026-01-31"),
        ({"type": "date", "order": "month_day_year"}, "2026-01-31", "2026-01-31"),
        ({"type": "list"}, "a| b ||c", ["a", "b", "c"]),
        ({"type": "list", "separator": ";"}, "a;b", ["a", "b"]),
        ({"type": "text"}, "007", "007"),
    ],
)
def test_a_cell_is_read_as_its_type(kind: dict[str, str], cell: str, value: Any) -> None:
    found = read({"field": "attributes.x", **kind}, cell)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "cell", "code"),
    [
        ({"type": "number"}, "1,5", "invalid_number"),
        ({"type": "number"}, "12 apples", "invalid_number"),
        ({"type": "number"}, "9" * 30, "out_of_range"),
        ({"type": "number"}, "1e999", "out_of_range"),
        ({"type": "number"}, "٣", "invalid_number"),
        ({"type": "boolean"}, "perhaps", "invalid_boolean"),
        ({"type": "date"}, "31.01.2026", "invalid_date"),
        ({"type": "date", "order": "day_month_year"}, "31.02.2026", "invalid_date"),
        ({"type": "date", "order": "month_day_year"}, "31/01/2026", "invalid_date"),
    ],
)
def test_a_cell_that_is_no_such_thing_refuses_its_row(kind: dict[str, str], cell: str, code: str) -> None:
    with pytest.raises(BadValue) as caught:
        read({"field": "attributes.x", **kind}, cell)
    assert (caught.value.code, caught.value.field) == (code, "attributes.x")


@pytest.mark.parametrize(
    "target",
    [
        "surname",
        "attributes.",
        "push:",
        "personalization.event",
        7,
        None,
        ["email"],
        {"field": "email", "type": "number"},
        {"field": "attributes.x", "type": "money"},
        {"field": "attributes.x", "type": "number", "decimal": ";"},
        {"field": "attributes.x", "type": "number", "order": "day_month_year"},
        {"field": "attributes.x", "type": "date", "order": "ymd"},
        {"field": "attributes.x", "type": "list", "separator": ""},
        {"field": "attributes.x", "kind": "number"},
        {"field": "attributes.x", "type": []},
        {"field": "attributes.x", "type": 0},
        {"type": "number"},
    ],
)
def test_what_is_no_target_is_refused(target: Any) -> None:
    with pytest.raises(BadValue):
        parse_target(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "push:shop",
        {"field": "attributes.x", "type": "date", "order": "day_month_year"},
        {"field": "personalization.coupon", "type": "list", "separator": ";"},
    ],
)
def test_a_target_is_shown_as_it_was_given(target: Any) -> None:
    assert parse_target(target).as_wire() == target


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("E-mail", "email"),
        ("EMAIL ADDRESS", "email"),
        ("email_address", "email"),
        ("Phone number", "phone"),
        ("Mobile", "phone"),
        ("WhatsApp", "whatsapp"),
        ("Customer ID", "external_id"),
        ("user-id", "external_id"),
        ("Time zone", "timezone"),
        ("First name", "attributes.first_name"),
        ("firstName", "attributes.first_name"),
        ("Surname", "attributes.last_name"),
        ("attributes.Plan", "attributes.plan"),
        ("personalization.coupon", "personalization.coupon"),
        ("push:shop-ios", "push:shop-ios"),
        ("Имя", "attributes.имя"),
        ("volley_line", ""),
        ("", ""),
    ],
)
def test_a_field_is_suggested_from_the_name(name: str, field: str) -> None:
    assert suggest([name], [])[name].field == field


@pytest.mark.parametrize(
    ("name", "values", "wire"),
    [
        ("Points", ["1", "2.5"], {"field": "attributes.points", "type": "number"}),
        ("Points", ["1,5", "2"], {"field": "attributes.points", "type": "number", "decimal": ","}),
        ("Points", ["1,234", "5,678"], "attributes.points"),
        ("Zip", ["12345"], "attributes.zip"),
        ("Ref", ["007", "8"], "attributes.ref"),
        ("Vip", ["yes", "No"], {"field": "attributes.vip", "type": "boolean"}),
        ("Born", ["2001-01-31"], {"field": "attributes.born", "type": "date"}),
        ("Born", ["31/01/2001"], {"field": "attributes.born", "type": "date", "order": "day_month_year"}),
        ("Born", ["01/31/2001"], {"field": "attributes.born", "type": "date", "order": "month_day_year"}),
        ("Born", ["01/02/2001"], "attributes.born"),
        ("Born", ["01.02.2001"], {"field": "attributes.born", "type": "date", "order": "day_month_year"}),
        ("Tags", ["a;b", "c"], {"field": "attributes.tags", "type": "list", "separator": ";"}),
        ("Language", ["English", "German"], "attributes.language"),
        ("Language", ["en", "de-AT"], "locale"),
        ("Email", ["yes", "no"], {"field": "attributes.email", "type": "boolean"}),
    ],
)
def test_a_type_is_suggested_from_the_first_values(name: str, values: list[str], wire: Any) -> None:
    assert suggest([name], [[value] for value in values])[name].as_wire() == wire


def test_no_field_is_suggested_twice() -> None:
    found = suggest(["Email", "E-mail", "First name", "first_name"], [])
    assert [target.field for target in found.values()] == [
        "email",
        "attributes.e_mail",
        "attributes.first_name",
        "attributes.first_name_2",
    ]


def test_a_header_is_known_again_in_another_order() -> None:
    assert fingerprint(["a", "b"]) == fingerprint(["b", "a"]) != fingerprint(["a"])
