"""A message as JSON: the documented object, whatever the message holds."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.json_message import JsonSkeleton
from providers.mime import Mailbox

EMAIL = JsonSkeleton(
    type="email", execution_id=7, sender=Mailbox("news@example.test", "News"), reply_to=Mailbox("ask@example.test")
)


def test_an_email() -> None:
    written = EMAIL.email(
        delivery_id="7-1-2",
        address="ana@example.test",
        subject="Hello",
        html=b"<p>Hi</p>\r\n",
        text=b"Hi",
        unsubscribe_url="https://example.test/u/x",
    )
    assert json.loads(written) == {
        "id": "7-1-2",
        "to": "ana@example.test",
        "type": "email",
        "execution_id": 7,
        "from": {"address": "news@example.test", "name": "News"},
        "reply_to": "ask@example.test",
        "subject": "Hello",
        "html": "<p>Hi</p>\r\n",
        "text": "Hi",
        "headers": {
            "List-Unsubscribe": "<https://example.test/u/x>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    }


@given(st.text(), st.text(), st.text(), st.none() | st.text(), st.none() | st.text(), st.none() | st.text())
def test_an_email_is_written_as_its_object_would_be(
    id: str, address: str, subject: str, html: str | None, text: str | None, url: str | None
) -> None:
    bodies = [None if body is None else body.encode() for body in (html, text)]
    inside = [None if body is None else orjson.dumps(body)[1:-1] for body in (html, text)]
    headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    whole = {
        "id": id,
        "to": address,
        "type": "email",
        "execution_id": 7,
        "from": {"address": "news@example.test", "name": "News"},
        "reply_to": "ask@example.test",
        "subject": subject,
        **({} if html is None else {"html": html}),
        **({} if text is None else {"text": text}),
        **({} if url is None else {"headers": headers}),
    }
    for escaped, (one, other) in ((False, bodies), (True, inside)):
        assert orjson.dumps(whole) == EMAIL.email(
            delivery_id=id,
            address=address,
            subject=subject,
            html=one,
            text=other,
            unsubscribe_url=url,
            escaped=escaped,
        )


def test_what_an_email_lacks_is_left_out() -> None:
    bare = JsonSkeleton(type="email", execution_id=None, sender=Mailbox("a@b.test"))
    written = json.loads(bare.email(delivery_id="t", address="c@d.test", subject="", html=None, text=b"x"))
    assert set(written) == {"id", "to", "type", "execution_id", "from", "subject", "text"}


def test_a_push() -> None:
    push = JsonSkeleton(type="push", execution_id=7, sender=None)
    parts = {"title": "Hi", "body": "There", "data": {"sku": "1"}}
    written = push.other(delivery_id="7-1-2", address="token", app_id="shop-ios", parts=parts)
    assert json.loads(written) == {
        "id": "7-1-2",
        "to": "token",
        "type": "push",
        "execution_id": 7,
        "app_id": "shop-ios",
        **parts,
    }


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be written as JSON"):
        EMAIL.other(delivery_id="x", address="y", app_id=None, parts={"text": "\ud800"})


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts, texts)
def test_nothing_that_a_message_says_can_break_out_of_it(address: str, subject: str, html: str) -> None:
    written = EMAIL.email(delivery_id="x", address=address, subject=subject, html=html.encode(), text=None)
    read = json.loads(written)
    assert (read["to"], read["subject"], read["html"]) == (address, subject, html)
    assert b"\n" not in written and b"\r" not in written
