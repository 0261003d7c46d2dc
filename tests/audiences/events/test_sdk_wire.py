"""Segment's tracking API as it is on the wire: addresses, keys, encodings, CORS, limits."""

import gzip
import json
from threading import BoundedSemaphore
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from audiences.events.sdk import overload, views
from audiences.models import Event
from common.authorship import SYSTEM
from common.errors import RateLimited
from tests.audiences.events.sdk_client import Sdk, basic
from tests.factories import make_key, make_write_key
from workspaces.models import App, Workspace, WriteKey
from workspaces.write_keys import revoke_write_key

pytestmark = pytest.mark.django_db
TRACK = {"event": "Opened", "userId": "u-1"}
KINDS = ("track", "identify", "page", "screen", "group", "alias")


@pytest.mark.parametrize("path", [*KINDS, "batch", "t", "i", "p", "s", "g", "a", "b"])
@pytest.mark.parametrize("end", ["", "/"])
def test_every_address_takes_a_message_without_a_redirect(path: str, end: str, sdk: Sdk) -> None:
    message = {**TRACK, "type": "track", "previousId": "p-1", "groupId": "g-1"}
    sdk.kept(path + end, {"batch": [message]} if path.startswith("b") else message)
    expected = next((kind for kind in KINDS if kind.startswith(path)), "track")
    assert Event.objects.get().source == expected


def test_the_key_may_be_in_the_body(sdk: Sdk) -> None:
    assert sdk.key is not None
    answer = Sdk(None).send("t", {**TRACK, "writeKey": sdk.key.key}, content_type="text/plain")
    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    assert Event.objects.get().app_id == sdk.key.app_id


def test_a_key_of_the_body_counts_when_basic_names_none(sdk: Sdk) -> None:
    assert sdk.key is not None
    for header in ("Basic ", "Basic !!", "Basic Og==", "Bearer x", "Basic /w=="):
        answer = Sdk(None).send("t", {**TRACK, "writeKey": sdk.key.key}, headers={"Authorization": header})
        assert answer.status_code == 200, header


def test_without_an_open_key_nothing_is_kept(sdk: Sdk, workspace: Workspace) -> None:
    assert sdk.key is not None
    revoke_write_key(key_id=sdk.key.pk, workspace_id=workspace.pk, actor=SYSTEM)
    secret = make_key(workspace).plain
    for key in (sdk.key.key, secret, "", "wk_nope", "x" * 10_000, "wk_\0", 5, None, ["a"], {"a": 1}):
        answer = Sdk(None).send("track", {**TRACK, "writeKey": key})
        assert answer.status_code == 401, key
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert "API key" in Sdk(None).send("track", {**TRACK, "writeKey": secret}).json()["detail"]
    assert not Event.objects.exists()


def test_a_write_key_opens_nothing_else(sdk: Sdk) -> None:
    assert sdk.key is not None
    for header in (basic(sdk.key.key), f"Bearer {sdk.key.key}", sdk.key.key):
        for path in ("/api/v1/events", "/api/v1/contacts", "/api/v1/campaigns"):
            assert Client().get(path, headers={"Authorization": header}).status_code == 401


def test_the_use_of_a_key_is_remembered(sdk: Sdk) -> None:
    sdk.kept("track", TRACK)
    assert WriteKey.objects.get().last_used_at is not None


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/plain;charset=UTF-8", "", "x/y"])
def test_the_media_type_does_not_matter(content_type: str, sdk: Sdk) -> None:
    sdk.kept("track", TRACK, content_type=content_type)


def test_gzip_is_read(sdk: Sdk) -> None:
    packed = gzip.compress(json.dumps(TRACK).encode())
    sdk.kept("track", packed, headers={"Content-Encoding": "gzip"})
    assert Event.objects.get().name == "Opened"


def test_a_zip_bomb_is_refused_without_being_inflated(sdk: Sdk) -> None:
    bomb = gzip.compress(b" " * 200_000_000, 9)
    assert len(bomb) < 512 * 1024
    answer = sdk.send("batch", bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'"x"', {}, 400),
        (b"null", {}, 400),
        (b'{"a": "\xff"}', {}, 400),
        (b'{"a": "\\ud800"}', {}, 400),
        (b'{"a": NaN}', {}, 400),
        (b'{"a": NaN, "b": ' + b"[" * 5000 + b"]" * 5000 + b"}", {}, 400),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", {}, 400),
        (b"x" * 600_000, {}, 413),
        (b'{"a": "' + b"x" * 17_000_000 + b'"}', {}, 413),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b'{"event": "Opened"}')[:-9], {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(raw: bytes, headers: dict[str, str], status: int, sdk: Sdk) -> None:
    answer = sdk.send("batch", raw, headers=headers)
    assert answer.status_code == status
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_preflight_allows_what_browsers_ask_for() -> None:
    asked = "authorization,content-type,anonymousid, x-retry-count,bad header\x7f,"
    answer = Client().options(
        "/v1/t",
        headers={
            "Origin": "https://shop.example.test",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": asked,
        },
    )
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example.test"
    assert "POST" in answer["Access-Control-Allow-Methods"]
    assert answer["Access-Control-Allow-Headers"] == "authorization, content-type, anonymousid, x-retry-count"
    assert "Access-Control-Allow-Private-Network" not in answer


def test_a_preflight_lets_a_public_page_reach_a_private_network() -> None:
    answer = Client().options("/v1/t", headers={"Access-Control-Request-Private-Network": "true"})
    assert answer["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wk", 200)])
def test_a_page_of_any_origin_reads_its_answer_with_cookies_or_without(key: str | None, status: int, sdk: Sdk) -> None:
    """`sendBeacon` always sends cookies: browsers then take no * for an origin."""
    sender = sdk if key else Sdk(None)
    answer = sender.send("t", TRACK, headers={"Origin": "https://shop.example.test"})
    assert answer.status_code == status
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example.test"
    assert answer["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer["Vary"]
    assert "Retry-After" in answer["Access-Control-Expose-Headers"]


def test_a_refusal_has_the_words_that_sdks_look_for(sdk: Sdk) -> None:
    for sender, code, words in ((Sdk(None), "unauthenticated", "write key"), (sdk, "validation_error", "userId")):
        problem = sender.send("track", {"event": "a"}).json()
        assert problem["code"] == code
        assert words in problem["message"]


def test_a_clash_is_worth_another_try(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    def clash(**given: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(views, "accept_messages", clash)
    answer = sdk.send("track", TRACK)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


def test_other_methods_are_named_as_such() -> None:
    answer = Client().get("/v1/track")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST, OPTIONS"


def test_the_settings_that_the_browser_asks_its_cdn_for_lead_here(sdk: Sdk, settings: Settings) -> None:
    settings.BASE_URL = "https://volley.example.test"
    assert sdk.key is not None
    answer = Client().get(f"/v1/projects/{sdk.key.key}/settings")
    assert answer.json()["metrics"] == {"sampleRate": 0}, "else the SDK reports about itself to Segment"
    assert answer.json()["integrations"]["Segment.io"] == {
        "apiKey": sdk.key.key,
        "apiHost": "volley.example.test/v1",
        "protocol": "https",
    }
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert Client().get("/v1/projects/wk_nope/settings").status_code == 404


@pytest.fixture
def at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rate recovers, however long a request takes."""
    monkeypatch.setattr(overload, "time", SimpleNamespace(monotonic=lambda: 100.0))


def test_a_key_that_sends_too_much_is_told_when_to_come_back(at_one_moment: None, sdk: Sdk, settings: Settings) -> None:
    settings.INGEST_RATE = 10
    batch = {"batch": [{**TRACK, "type": "track"}] * 60}
    sdk.kept("batch", batch)
    answer = sdk.send("track", TRACK)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "2"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert Event.objects.count() == 60


def test_the_rate_of_one_key_is_not_that_of_another(
    at_one_moment: None, sdk: Sdk, app: App, settings: Settings
) -> None:
    settings.INGEST_RATE = 1
    sdk.kept("batch", {"batch": [{**TRACK, "type": "track"}] * 60})
    assert sdk.send("track", TRACK).status_code == 429
    Sdk(make_write_key(app)).kept("track", TRACK)


def test_when_all_places_are_taken_the_next_is_turned_away(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "_room", BoundedSemaphore(1))
    monkeypatch.setattr(overload, "PATIENCE_SECONDS", 0.01)
    with overload.room():
        answer = sdk.send("track", TRACK)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "2"
    sdk.kept("track", TRACK)


def test_a_rate_recovers_as_time_goes_by(settings: Settings) -> None:
    settings.INGEST_RATE = 10
    overload.spend(1, 60, now=100.0)
    with pytest.raises(RateLimited) as refused:
        overload.spend(1, 1, now=100.0)
    assert refused.value.headers == {"Retry-After": "2"}
    overload.spend(1, 1, now=102.0)


def nested(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return {"a": found}


LONG = "x" * 20_000
BAD: dict[str, tuple[Any, str]] = {
    "not an object": (5, "wrong_type"),
    "null": (None, "wrong_type"),
    "no type": ({"event": "a", "userId": "u"}, "unknown_choice"),
    "strange type": ({"type": ["track"], "event": "a", "userId": "u"}, "unknown_choice"),
    "nobody": ({"type": "track", "event": "a"}, "required"),
    "empty ids": ({"type": "track", "event": "a", "userId": "", "anonymousId": None}, "required"),
    "id of another type": ({"type": "track", "event": "a", "userId": {"a": 1}}, "wrong_type"),
    "id too long": ({"type": "track", "event": "a", "userId": "x" * 256}, "too_long"),
    "id with NUL": ({"type": "track", "event": "a", "userId": "x\0"}, "nul"),
    "anonymous id with NUL": ({"type": "track", "event": "a", "anonymousId": "x\0"}, "nul"),
    "no event": ({"type": "track", "userId": "u"}, "required"),
    "event of another type": ({"type": "track", "event": 5, "userId": "u"}, "wrong_type"),
    "event too long": ({"type": "track", "event": "x" * 201, "userId": "u"}, "too_long"),
    "properties of another type": ({"type": "track", "event": "a", "userId": "u", "properties": "x"}, "wrong_type"),
    "traits of another type": ({"type": "identify", "userId": "u", "traits": [1]}, "wrong_type"),
    "context of another type": ({"type": "track", "event": "a", "userId": "u", "context": "x"}, "wrong_type"),
    "too large": ({"type": "track", "event": "a", "userId": "u", "properties": {"a": "x" * 33_000}}, "too_large"),
    "too large together": (
        {
            "type": "track",
            "event": "a",
            "userId": "u",
            "properties": {"a": "x" * 20_000},
            "context": {"a": "x" * 20_000},
        },
        "too_large",
    ),
    "200 levels": ({"type": "track", "event": "a", "userId": "u", "properties": nested(200)}, "too_deep"),
    "200 levels of context": ({"type": "track", "event": "a", "userId": "u", "context": nested(200)}, "too_deep"),
    "NUL inside": ({"type": "track", "event": "a", "userId": "u", "properties": {"a": ["\0"]}}, "nul"),
    "alias of nobody": ({"type": "alias", "userId": "u"}, "required"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_named_and_harms_no_other(name: str, sdk: Sdk) -> None:
    message, code = BAD[name]
    good = {**TRACK, "type": "track"}
    answer = sdk.kept("batch", {"batch": [good, message, good]})
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, code)]
    assert Event.objects.count() == 2


@pytest.mark.parametrize("name", [name for name, (message, _) in BAD.items() if isinstance(message, dict)])
def test_a_single_bad_message_is_a_bad_request(name: str, sdk: Sdk) -> None:
    message, code = BAD[name]
    kind = message.get("type") if isinstance(message.get("type"), str) else "track"
    if code == "unknown_choice":  # the address says what type it is
        sdk.kept(kind, message)
        return
    answer = sdk.send(kind, message)
    assert answer.status_code == 400
    assert [one["code"] for one in answer.json()["errors"]] == [code]
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        b'"properties": {"a": "\\ud83d"}',
        b'"properties": {"\\ude00": 1}',
        b'"properties": {"a": "\xff"}',
        b'"properties": {"a": NaN}',
        b'"properties": {"a": [-Infinity]}',
        b'"properties": {"a": 1e400}',
        b'"properties": {"a": ' + b"9" * 5000 + b"}",
        b'"event": "\\ud83d"',
        b'"event": NaN',
        b'"userId": "\\ud83d"',
        b'"context": {"a": "\\ud83d"}',
    ],
)
def test_what_is_no_json_in_one_message_harms_no_other(broken: bytes, sdk: Sdk) -> None:
    """A text that was cut within an emoji comes as half of a surrogate pair."""
    good = b'{"type": "track", "event": "a", "userId": "u", "properties": {"n": 18446744073709551615, "m": -1.5}}'
    bad = b'{"type": "track", "event": "a", "userId": "u", %b}' % broken
    answer = sdk.kept("batch", b'{"batch": [%b, %b, %b]}' % (good, bad, good))
    assert [one["index"] for one in answer["rejected"]] == [1]
    assert [event.properties for event in Event.objects.all()] == [{"n": 2**64 - 1, "m": -1.5}] * 2


def test_a_byte_order_mark_is_read_over(sdk: Sdk) -> None:
    sdk.kept("track", b"\xef\xbb\xbf" + json.dumps(TRACK).encode())


def test_500_kb_are_taken_and_no_byte_more(sdk: Sdk) -> None:
    batch = json.dumps({"batch": []}).encode()
    sdk.kept("batch", batch + b" " * (500 * 1024 - len(batch)))
    assert sdk.send("batch", batch + b" " * (500 * 1024 + 1 - len(batch))).status_code == 413


@pytest.mark.parametrize("batch", [None, {}, "x", 5])
def test_a_batch_is_an_array(batch: Any, sdk: Sdk) -> None:
    assert sdk.send("batch", {"batch": batch}).status_code == 400


def test_an_empty_batch_is_taken(sdk: Sdk) -> None:
    assert sdk.kept("batch", {"batch": []}) == {"success": True}


STRANGE: list[Any] = [None, True, -1, 1e308, 2**70, "", "x" * 5000, "\x7f\u202e😀", [], {}, [[]], {"a": {"b": []}}]


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_of_any_field_breaks_it(kind: str, sdk: Sdk) -> None:
    message: dict[str, Any] = {
        "type": kind,
        "event": "a",
        "userId": "u",
        "anonymousId": "n",
        "previousId": "p",
        "groupId": "g",
        "messageId": "m",
        "timestamp": "2026-11-20T10:00:00Z",
        "sentAt": "2026-11-20T10:00:00Z",
        "properties": {"a": 1},
        "traits": {"email": "a@example.test", "phone": "+4930901820", "consent": {"email": True}},
        "context": {"device": {"token": "t", "type": "ios"}, "os": {"name": "x"}, "locale": "de", "timezone": "UTC"},
        "name": "n",
        "category": "c",
    }
    for field in message:
        for strange in STRANGE:
            assert sdk.send(kind, {**message, field: strange}).status_code in (200, 400), (field, strange)
    for holder, inner in (("traits", "email"), ("traits", "phone"), ("traits", "consent"), ("context", "device")):
        for strange in STRANGE:
            body = {**message, holder: {**message[holder], inner: strange}}
            assert sdk.send(kind, body).status_code in (200, 400), (holder, inner, strange)
