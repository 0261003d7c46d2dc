import pytest

from audiences.unsubscribe import Unsubscribing, read_token, unsubscribe_token


def test_a_token_tells_what_it_was_made_for() -> None:
    token = unsubscribe_token(execution_id=50001, contact_id=88231, address_id=2**40)
    assert read_token(token) == Unsubscribing(50001, 88231, 2**40)


def test_a_token_is_safe_in_a_url_and_in_a_header() -> None:
    for number in range(200):
        token = unsubscribe_token(execution_id=number, contact_id=number * 7, address_id=number * 2**31)
        assert token.isascii() and token.replace("-", "").replace("_", "").isalnum() and len(token) == 48


def test_one_changed_character_makes_it_worthless() -> None:
    token = unsubscribe_token(execution_id=1, contact_id=2, address_id=3)
    for place in range(len(token)):
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert read_token(forged) is None


@pytest.mark.parametrize("wrong", ["", "x", "=" * 48, "ü" * 48, "A" * 48, "A" * 47 + "\0", "A" * 5000])
def test_what_is_no_token(wrong: str) -> None:
    assert read_token(wrong) is None
