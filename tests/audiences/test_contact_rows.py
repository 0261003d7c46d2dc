from typing import Any

import pytest

from audiences.bad_value import BadValue
from audiences.contact_rows import parse_row

APPS = {"shop-android": 1}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ([], "", "wrong_type"),
        (None, "", "wrong_type"),
        ({}, "external_id", "required"),
        ({"external_id": ""}, "external_id", "required"),
        ({"external_id": "  "}, "external_id", "required"),
        ({"external_id": True}, "external_id", "wrong_type"),
        ({"external_id": "x" * 256}, "external_id", "too_long"),
        ({"external_id": "a\0b"}, "external_id", "nul"),
        ({"external_id": "\ud800"}, "external_id", "invalid_text"),
        ({"external_id": "1", "frist_name": "x"}, "frist_name", "unknown_field"),
        ({"email": 5}, "email", "wrong_type"),
        ({"email": "nope"}, "email", "invalid_address"),
        ({"phone": "0170 123"}, "phone", "invalid_address"),
        ({"external_id": "1", "locale": "english!"}, "locale", "invalid_locale"),
        ({"external_id": "1", "timezone": "Europe/Berln"}, "timezone", "invalid_timezone"),
        ({"external_id": "1", "timezone": 5}, "timezone", "wrong_type"),
        ({"external_id": "1", "attributes": []}, "attributes", "wrong_type"),
        ({"external_id": "1", "attributes": {"": 1}}, "attributes", "invalid_name"),
        ({"external_id": "1", "attributes": {"x" * 101: 1}}, "attributes", "too_long"),
        ({"external_id": "1", "attributes": {"a": "\0"}}, "attributes", "nul"),
        ({"external_id": "1", "attributes": {"a\0": 1}}, "attributes", "nul"),
        ({"external_id": "1", "attributes": {"a": "\ud800"}}, "attributes", "invalid_text"),
        ({"external_id": "1", "attributes": {"a": 2**70}}, "attributes", "out_of_range"),
        ({"external_id": "1", "attributes": {"a": float("nan")}}, "attributes", "invalid_number"),
        ({"external_id": "1", "attributes": {"a": [float("inf")]}}, "attributes", "invalid_number"),
        ({"external_id": "1", "attributes": {"a": nested(8)}}, "attributes", "too_deep"),
        ({"external_id": "1", "attributes": {str(i): 1 for i in range(501)}}, "attributes", "too_many"),
        ({"external_id": "1", "attributes": {"a": "x" * 65_536}}, "attributes", "too_large"),
        ({"external_id": "1", "addresses": {}}, "addresses", "wrong_type"),
        ({"external_id": "1", "addresses": [{}] * 101}, "addresses", "too_many"),
        ({"external_id": "1", "addresses": ["x"]}, "addresses[0]", "wrong_type"),
        ({"external_id": "1", "addresses": [{"type": "fax", "value": "x"}]}, "addresses[0].type", "unknown_choice"),
        ({"external_id": "1", "addresses": [{"type": ["x"]}]}, "addresses[0].type", "wrong_type"),
        ({"external_id": "1", "addresses": [{"type": "email"}]}, "addresses[0].value", "wrong_type"),
        ({"external_id": "1", "addresses": [{"type": "push", "value": "x"}]}, "addresses[0].app_id", "required"),
        (
            {"external_id": "1", "addresses": [{"type": "email", "app_id": "shop-android", "value": "a@b.c"}]},
            "addresses[0].app_id",
            "not_allowed",
        ),
        (
            {"external_id": "1", "addresses": [{"type": "push", "app_id": "shop-android", "value": "a b"}]},
            "addresses[0].value",
            "invalid_address",
        ),
        (
            {"external_id": "1", "addresses": [{"type": "push", "app_id": "shop-android", "value": "t", "state": "x"}]},
            "addresses[0].state",
            "unknown_field",
        ),
        (
            {"external_id": "1", "addresses": [{"type": "email", "value": "a@b.c", "consent": "yes"}]},
            "addresses[0].consent",
            "unknown_choice",
        ),
        (
            {"external_id": "1", "addresses": [{"type": "email", "value": "a@b.c", "consent_at": "yesterday"}]},
            "addresses[0].consent_at",
            "invalid_time",
        ),
        (
            {"external_id": "1", "addresses": [{"type": "email", "value": "a@b.c", "consent_at": "2026-01-01T00:00"}]},
            "addresses[0].consent_at",
            "invalid_time",
        ),
        (
            {"external_id": "1", "addresses": [{"type": "webhook", "value": "ftp://x"}]},
            "addresses[0].value",
            "invalid_address",
        ),
    ],
)
def test_a_row_that_can_not_be_used_says_where_and_why(row: Any, field: str, code: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_row(0, row, APPS)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert caught.value.message.endswith(".")
    caught.value.message.encode()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ana@Example.TEST", "ana@example.test"),
        (" a@example.test\n", "a@example.test"),
        ("jose\u0301@bücher.test", "josé@bücher.test"),
        ("o'neil+x@example.test", "o'neil+x@example.test"),
    ],
)
def test_emails_are_kept_lower_case_and_composed(given: str, kept: str) -> None:
    assert parse_row(0, {"email": given}, APPS).addresses[0].key == ("email", None, kept)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "@", "a@", "@b.c", "a@b", "a@@b.c", "a@b@c.d", "a b@c.d", ".a@b.c", "a..b@c.d", "a@-b.c", "a@b..c",
        "a@b.c.",
        '"a"@b.c', "<a@b.c>", "a@[127.0.0.1]", "a\r\nBcc: x@y.z@b.c", "a" * 65 + "@b.c", "a@" + "b" * 64 + ".c",
        "a@" + "b." * 130 + "c", "a\u200b@b.c", "a@b\u2028.c",
    ],
)  # fmt: skip
def test_what_is_no_email_address(wrong: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_row(0, {"email": wrong}, APPS)
    assert caught.value.code == "invalid_address"


def test_short_forms_and_numbers_are_accepted() -> None:
    row = parse_row(0, {"external_id": 17, "phone": "+1 202 555 0123", "locale": "pt_br", "timezone": None}, APPS)
    assert row.external_id == "17"
    assert row.addresses[0].key == ("sms", None, "+12025550123")
    assert (row.locale, row.timezone, row.attributes) == ("pt-BR", "", None)


def test_aliases_of_types_are_accepted_and_an_address_given_twice_counts_as_said_last() -> None:
    address = {"app_id": "shop-android", "value": "t"}
    addresses = [{"type": "apn", **address}, {"type": "push", "platform": "Android", **address}]
    row = parse_row(0, {"addresses": addresses}, APPS)
    assert [(one.key, one.platform) for one in row.addresses] == [(("push", 1, "t"), "android")]


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert parse_row(0, {"external_id": "1", "attributes": {"a": "\\u0000"}}, APPS).attributes == {"a": "\\u0000"}
