"""However an address is written, it is one: whoever left by one way of writing is not sent to by another."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audiences.bad_value import BadValue
from audiences.email_address import parse_email


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ana@Example.TEST", "ana@example.test"),
        ("ana@exämple.test", "ana@exämple.test"),
        ("ana@exa\u0308mple.test", "ana@exämple.test"),
        ("ana@EXÄMPLE.test", "ana@exämple.test"),
        ("ana@xn--exmple-cua.test", "ana@exämple.test"),
        ("ana@XN--EXMPLE-CUA.test", "ana@exämple.test"),
        ("ana@\uff45xample.test", "ana@example.test"),
        ("ana@example\u3002test", "ana@example.test"),
        ("ana@example\uff0etest", "ana@example.test"),
        ("ana@straße.test", "ana@straße.test"),
        ("ana@xn--strae-oqa.test", "ana@straße.test"),
        ("ana@xn--example-.test", None),
        ("ana@xn--.test", None),
        ("ana@xn--99999999.test", "ana@xn--99999999.test"),
        ("A\u0308na@example.test", "äna@example.test"),
        ("ana@exam\u00adple.test", None),
        ("ana@exam\u200bple.test", None),
        ("a\u200bna@example.test", None),
    ],
)
def test_one_address_is_kept_in_one_way(written: str, kept: str | None) -> None:
    if kept is not None:
        assert parse_email(written) == kept == parse_email(kept)
        return
    with pytest.raises(BadValue) as refused:
        parse_email(written)
    assert refused.value.code == "invalid_address"


def test_an_address_that_is_too_long_to_be_read_is_kept_as_it_came() -> None:
    label = "xn--" + ("漢" * 30 + "字").encode("punycode").decode()
    written = f"ana@{label}.{label}.{label}.test"
    assert parse_email(written) == written


@given(st.text(alphabet="aäßxn-\u0308\u3002.Ä\uff45\u200dı1", max_size=12))
@example("xn--a")
def test_what_is_kept_is_kept_as_it_is(domain: str) -> None:
    try:
        kept = parse_email(f"ana@{domain}.test")
    except BadValue:
        return
    assert parse_email(kept) == kept
