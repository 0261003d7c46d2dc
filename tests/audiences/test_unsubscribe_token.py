import base64
import hashlib
import struct

import pytest
from django.conf import settings as configured
from pytest_django.fixtures import Settings

from audiences.unsubscribe import MAX_VALUE_BYTES, Seal, Unsubscribing, read_token, unsubscribe_token

EMAIL = "ana@example.test"


def sealed(value: str = EMAIL, type: str = "email") -> str:
    seal = Seal(execution_id=50001, workspace_id=7, type=type)
    return seal.token(contact_id=88231, address_id=2**40, value=value)


def signed_ids(secret: str) -> str:
    """As links were before the address was in them."""
    ids = struct.pack(">QQQ", 50001, 88231, 2**40)
    key = hashlib.blake2b(secret.encode(), person=b"unsubscribe", digest_size=32).digest()
    signature = hashlib.blake2b(ids, key=key, digest_size=12).digest()
    return base64.urlsafe_b64encode(ids + signature).decode()


def test_a_token_tells_what_it_was_made_for() -> None:
    assert read_token(sealed()) == Unsubscribing(50001, 88231, 2**40, 7, "email", EMAIL)
    assert read_token(sealed("ü@exämple.test")) == Unsubscribing(50001, 88231, 2**40, 7, "email", "ü@exämple.test")
    assert read_token(sealed("+491701234567", "sms")) == Unsubscribing(50001, 88231, 2**40, 7, "sms", "+491701234567")


def test_nobody_can_read_it() -> None:
    """And who has one of a message to nobody, has ids alone."""
    raw = base64.b64decode(sealed() + "==", altchars=b"-_")
    assert b"ana" not in raw and b"example" not in raw
    assert read_token(unsubscribe_token(execution_id=1, contact_id=2, address_id=3)) == Unsubscribing(
        1, 2, 3, 0, "email", ""
    )


def test_the_same_delivery_has_the_same_link() -> None:
    assert sealed() == sealed()


def test_a_long_address_is_left_out() -> None:
    longest = "x" * MAX_VALUE_BYTES
    assert [one.value for text in (longest, longest + "x") if (one := read_token(sealed(text, "webpush")))] == [
        longest,
        "",
    ]


def test_a_link_that_was_made_before_goes_on_working() -> None:
    assert read_token(signed_ids(configured.SECRET_KEY)) == Unsubscribing(50001, 88231, 2**40)


def test_links_outlive_the_secret_where_it_is_kept(settings: Settings) -> None:
    before = settings.SECRET_KEY
    tokens = [sealed(), signed_ids(before)]
    settings.SECRET_KEY = "another secret"
    assert [read_token(one) for one in tokens] == [None, None]
    settings.SECRET_KEY_FALLBACKS = ["an older one", before]
    assert [one.contact_id for token in tokens if (one := read_token(token))] == [88231, 88231]
    assert sealed() != tokens[0] and read_token(sealed())


def test_a_token_is_safe_in_a_url_and_in_a_header() -> None:
    for number in range(200):
        token = sealed(f"{number}@example.test")
        assert token.isascii() and token.replace("-", "").replace("_", "").isalnum() and len(token) <= 76


def test_one_changed_character_makes_it_worthless() -> None:
    for token in (sealed(), sealed("an@example.test"), signed_ids(configured.SECRET_KEY)):
        for place in range(len(token)):
            forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            assert read_token(forged) is None


@pytest.mark.parametrize(
    "wrong", ["", "x", "=" * 48, "ü" * 48, "A" * 48, "A" * 47 + "\0", "A" * 22, "A" * 76, "A" * 5000]
)
def test_what_is_no_token(wrong: str) -> None:
    assert read_token(wrong) is None
