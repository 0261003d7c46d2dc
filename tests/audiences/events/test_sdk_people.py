"""What identify, alias and group do to contacts, and whose events are whose."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from audiences.contacts import delete_contact
from audiences.events.sdk import links
from audiences.events.sdk.accepting import accept_messages
from audiences.models import Address, Contact, Event
from common.authorship import SYSTEM
from tests.audiences.events.sdk_client import Sdk
from tests.factories import make_app, make_contact, make_workspace
from tests.waiting import PATIENCE
from workspaces.models import App, Workspace

pytestmark = pytest.mark.django_db


def owners() -> list[tuple[str, str | None]]:
    """(name, the contact's external id) of every event, in order."""
    names = dict(Contact.objects.values_list("pk", "external_id"))
    rows = Event.objects.order_by("id").values_list("name", "contact_id")
    return [(name, None if contact is None else names[contact]) for name, contact in rows]


def test_identify_updates_the_contact(sdk: Sdk, workspace: Workspace, app: App) -> None:
    make_contact(workspace, external_id="u-1", attributes={"plan": "basic", "age": 30})
    sdk.kept(
        "identify",
        {
            "userId": "u-1",
            "traits": {
                "email": "Ana@Example.test",
                "phone": "+49 30 901820",
                "first_name": "Ana",
                "plan": None,
                "address": {"city": "Pune"},
            },
            "context": {
                "locale": "pt_br",
                "timezone": "America/Sao_Paulo",
                "device": {"token": "token-1", "type": "android"},
            },
        },
    )
    contact = Contact.objects.get()
    assert contact.attributes == {"age": 30, "first_name": "Ana", "address": {"city": "Pune"}}
    assert (contact.locale, contact.timezone) == ("pt-BR", "America/Sao_Paulo")
    assert set(contact.addresses.values_list("type", "app_id", "value", "platform")) >= {
        ("email", None, "ana@example.test", ""),
        ("sms", None, "+4930901820", ""),
        ("push", app.pk, "token-1", "android"),
    }
    event = Event.objects.get()
    assert (event.name, event.source, event.contact_id) == ("identify", "identify", contact.pk)
    assert event.properties["first_name"] == "Ana"


def test_traits_may_be_in_the_context(sdk: Sdk) -> None:
    sdk.kept("identify", {"userId": "u-1", "traits": {"a": 1}, "context": {"traits": {"a": 2, "b": 2}}})
    assert Contact.objects.get().attributes == {"a": 1, "b": 2}


def test_a_device_is_whose_who_identified_last(sdk: Sdk) -> None:
    for user in ("u-1", "u-2"):
        sdk.kept("identify", {"userId": user, "context": {"device": {"token": "token-1"}}})
    assert Address.objects.get().contact.external_id == "u-2"


def test_what_can_not_be_used_of_a_person_harms_nothing_else(sdk: Sdk) -> None:
    answer = sdk.kept(
        "identify",
        {
            "userId": "u-1",
            "traits": {"email": "nope", "phone": "12", "locale": "?", "first_name": "Ana"},
            "context": {"timezone": "Mars/Olympus", "device": {"token": "a b"}},
        },
    )
    assert answer == {"success": True}
    contact = Contact.objects.get()
    assert contact.attributes == {"email": "nope", "phone": "12", "first_name": "Ana"}
    assert not contact.addresses.exists()


def test_traits_that_no_contact_can_have_are_named_and_the_event_is_kept(sdk: Sdk) -> None:
    message = {"type": "identify", "userId": "u-1", "traits": {"x" * 101: 1, "email": "a@example.test"}}
    answer = sdk.kept("batch", {"batch": [message]})
    assert [(one["field"], one["code"]) for one in answer["rejected"]] == [("traits", "too_long")]
    assert Contact.objects.get().attributes == {}
    assert Address.objects.get().value == "a@example.test"
    assert Event.objects.count() == 1


def test_a_contact_with_too_much_keeps_what_it_had(sdk: Sdk, workspace: Workspace) -> None:
    make_contact(workspace, external_id="u-1", attributes={f"a{n}": n for n in range(500)})
    answer = sdk.kept("identify", {"userId": "u-1", "traits": {"one_more": 1}})
    assert [one["code"] for one in answer["rejected"]] == ["too_many"]
    assert owners() == [("identify", "u-1")]


def test_somebody_without_a_user_id_is_known_by_email(sdk: Sdk) -> None:
    sdk.kept("track", {"event": "Opened", "anonymousId": "n-1"})
    sdk.kept("identify", {"anonymousId": "n-1", "traits": {"email": "ana@example.test"}})
    contact = Contact.objects.get()
    assert contact.external_id is None
    assert set(Event.objects.values_list("contact_id", flat=True)) == {contact.pk}


def test_who_tells_nothing_of_themselves_stays_anonymous(sdk: Sdk) -> None:
    sdk.kept("identify", {"anonymousId": "n-1", "traits": {"plan": "pro"}})
    assert not Contact.objects.exists()
    assert Event.objects.get().properties == {"plan": "pro"}


def test_identify_attaches_what_the_anonymous_did_before_and_does_after(sdk: Sdk) -> None:
    for name in ("a", "b"):
        sdk.kept("track", {"event": name, "anonymousId": "n-1"})
    sdk.kept("track", {"event": "other", "anonymousId": "n-2"})
    sdk.kept("identify", {"userId": "u-1", "anonymousId": "n-1"})
    sdk.kept("track", {"event": "c", "anonymousId": "n-1"})
    assert owners() == [("a", "u-1"), ("b", "u-1"), ("other", None), ("identify", "u-1"), ("c", "u-1")]


def test_in_one_batch_the_order_does_not_matter(sdk: Sdk) -> None:
    batch = [
        {"type": "track", "event": "a", "anonymousId": "n-1"},
        {"type": "identify", "userId": "u-1", "anonymousId": "n-1"},
        {"type": "track", "event": "b", "anonymousId": "n-1"},
    ]
    sdk.kept("batch", {"batch": batch})
    assert owners() == [("a", "u-1"), ("identify", "u-1"), ("b", "u-1")]


def test_of_a_shared_device_the_last_to_identify_gets_what_comes(sdk: Sdk) -> None:
    sdk.kept("track", {"event": "a", "anonymousId": "n-1"})
    sdk.kept("identify", {"userId": "u-1", "anonymousId": "n-1"})
    sdk.kept("identify", {"userId": "u-2", "anonymousId": "n-1"})
    sdk.kept("track", {"event": "b", "anonymousId": "n-1"})
    assert [owner for name, owner in owners() if name in "ab"] == ["u-1", "u-2"]


def test_alias_attaches_too(sdk: Sdk) -> None:
    sdk.kept("track", {"event": "a", "anonymousId": "n-1"})
    sdk.kept("alias", {"previousId": "n-1", "userId": "u-1"})
    assert owners() == [("a", "u-1"), ("alias", "u-1")]
    assert Event.objects.get(name="alias").properties == {"previous_id": "n-1", "user_id": "u-1"}


def test_an_anonymous_id_of_another_workspace_is_another(sdk: Sdk) -> None:
    other = make_app(make_workspace())
    accept_messages(app=other, messages=[{"event": "a", "anonymousId": "n-1"}], kind="track")
    sdk.kept("identify", {"userId": "u-1", "anonymousId": "n-1"})
    accept_messages(app=other, messages=[{"event": "b", "anonymousId": "n-1"}], kind="track")
    assert owners() == [("a", None), ("identify", "u-1"), ("b", None)]


def test_a_device_of_the_traits_is_an_address_too(sdk: Sdk, app: App) -> None:
    traits = {"plan": "pro", "device": {"token": "token-2", "type": "ios"}}
    sdk.kept("identify", {"userId": "u-1", "traits": traits, "context": {"device": {"token": "token-1"}}})
    assert Contact.objects.get().attributes == {"plan": "pro"}
    assert list(Address.objects.values_list("value", "platform", "app_id")) == [("token-2", "ios", app.pk)]


def test_a_device_without_a_token_is_a_trait_like_others(sdk: Sdk) -> None:
    sdk.kept("identify", {"userId": "u-1", "traits": {"device": {"color": "red"}}})
    assert Contact.objects.get().attributes == {"device": {"color": "red"}}
    assert not Address.objects.exists()


def test_one_identify_attaches_a_bounded_number(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_ATTACHED", 2)
    for name in "abc":
        sdk.kept("track", {"event": name, "anonymousId": "n-1"})
    sdk.kept("identify", {"userId": "u-1", "anonymousId": "n-1"})
    assert owners()[:3] == [("a", None), ("b", "u-1"), ("c", "u-1")]


@pytest.mark.parametrize("first", [{"userId": "u-1"}, {"traits": {"email": "ana@example.test"}}])
def test_who_is_known_tells_more_under_the_anonymous_id_alone(first: dict[str, Any], sdk: Sdk) -> None:
    sdk.kept("identify", {**first, "anonymousId": "n-1"})
    sdk.kept("identify", {"anonymousId": "n-1", "traits": {"plan": "pro"}})
    sdk.kept("group", {"anonymousId": "n-1", "groupId": "acme"})
    sdk.kept("identify", {"anonymousId": "n-2", "traits": {"plan": "nobody's"}})
    assert Contact.objects.get().attributes == {"plan": "pro", "group_id": "acme"}


def test_who_says_who_they_are_in_a_batch_tells_more_in_it(sdk: Sdk) -> None:
    batch = [
        {"type": "identify", "anonymousId": "n-1", "userId": "u-1"},
        {"type": "identify", "anonymousId": "n-1", "traits": {"plan": "pro"}},
        {"type": "identify", "anonymousId": "n-1", "userId": "u-2"},
        {"type": "identify", "anonymousId": "n-1", "traits": {"plan": "free"}},
    ]
    sdk.kept("batch", {"batch": batch})
    attributes = dict(Contact.objects.values_list("external_id", "attributes"))
    assert attributes == {"u-1": {"plan": "pro"}, "u-2": {"plan": "free"}}


def test_traits_in_the_context_are_kept_and_measured_once(sdk: Sdk) -> None:
    """As RudderStack's SDKs send them."""
    about = {"about": "x" * 20_000}
    sdk.kept("identify", {"userId": "u-1", "context": {"traits": about, "ip": "::1"}})
    event = Event.objects.get()
    assert (event.properties, event.context) == (about, {"ip": "::1"})
    assert Contact.objects.get().attributes == about


def test_group_is_an_attribute(sdk: Sdk) -> None:
    sdk.kept("group", {"userId": "u-1", "groupId": "acme", "traits": {"industry": "shoes"}})
    assert Contact.objects.get().attributes == {"group_id": "acme"}
    assert Event.objects.get().properties == {"group_id": "acme", "industry": "shoes"}


def test_a_page_keeps_its_name(sdk: Sdk) -> None:
    sdk.kept("page", {"userId": "u-1", "name": "Pricing", "category": "Docs", "properties": {"path": "/pricing"}})
    event = Event.objects.get()
    assert (event.name, event.source) == ("page", "page")
    assert event.properties == {"name": "Pricing", "category": "Docs", "path": "/pricing"}


def test_a_user_id_that_is_a_number_is_its_digits(sdk: Sdk) -> None:
    sdk.kept("track", {"event": "a", "userId": 42})
    assert owners() == [("a", "42")]


# Consent


def consents() -> dict[str, str]:
    return dict(Address.objects.values_list("value", "consent"))


@pytest.mark.parametrize("refused", [False, "unsubscribed"])
@pytest.mark.parametrize("place", ["traits", "context"])
def test_who_refuses_a_type_refuses_all_their_addresses_of_it(
    refused: Any, place: str, sdk: Sdk, workspace: Workspace
) -> None:
    contact = make_contact(workspace, external_id="u-1", email="old@example.test")
    make_contact(workspace, external_id="u-2", email="other@example.test")
    traits = {"email": "new@example.test", "phone": "+4930901820"}
    message: dict[str, Any] = {"userId": "u-1", "traits": traits}
    message.setdefault(place, {})["consent"] = {"email": refused, "nonsense": False}
    sdk.kept("identify", message)
    assert consents() == {
        "old@example.test": "unsubscribed",
        "new@example.test": "unsubscribed",
        "+4930901820": "subscribed",
        "other@example.test": "subscribed",
    }
    address = contact.addresses.get(value="old@example.test")
    assert address.consent_source == "sdk shop-web"
    assert address.consent_at == Event.objects.get().at
    assert "consent" not in Contact.objects.get(external_id="u-1").attributes


def test_a_public_key_never_subscribes_anyone_again(sdk: Sdk) -> None:
    traits: dict[str, Any] = {"email": "ana@example.test", "consent": {"email": False}}
    sdk.kept("identify", {"userId": "u-1", "traits": traits})
    for again in (True, "subscribed"):
        sdk.kept("identify", {"userId": "u-1", "traits": {**traits, "consent": {"email": again}}})
    assert consents() == {"ana@example.test": "unsubscribed"}


# Messages and clocks


def test_the_same_message_id_counts_once(sdk: Sdk) -> None:
    message = {"type": "track", "event": "a", "userId": "u-1", "messageId": "m-1"}
    sdk.kept("batch", {"batch": [message, message]})
    assert sdk.kept("track", message) == {"success": True}
    assert Event.objects.count() == 1


def identify(message_id: str, plan: str) -> dict[str, Any]:
    traits = {"plan": plan, "consent": {"email": plan != "none"}}
    return {"type": "identify", "userId": "u-1", "messageId": message_id, "traits": traits}


def test_an_old_message_that_is_sent_again_undoes_nothing(sdk: Sdk, workspace: Workspace) -> None:
    make_contact(workspace, external_id="u-1", email="ana@example.test", attributes={})
    sdk.kept("batch", {"batch": [identify("m-1", "none"), identify("m-2", "pro"), identify("m-1", "none")]})
    assert Contact.objects.get().attributes == {"plan": "pro"}
    Address.objects.update(consent="subscribed")  # as they said on the preferences page since
    sdk.kept("identify", identify("m-1", "none"))
    assert Contact.objects.get().attributes == {"plan": "pro"}
    assert consents() == {"ana@example.test": "subscribed"}
    assert Event.objects.count() == 2


def test_a_device_changes_hands_once_for_each_identify(sdk: Sdk) -> None:
    first = {"userId": "u-1", "anonymousId": "n-1", "messageId": "m-1"}
    sdk.kept("identify", first)
    sdk.kept("identify", {"userId": "u-2", "anonymousId": "n-1", "messageId": "m-2"})
    sdk.kept("identify", first)
    sdk.kept("track", {"event": "a", "anonymousId": "n-1"})
    assert owners()[-1] == ("a", "u-2")


def test_message_ids_belong_to_an_app(sdk: Sdk, workspace: Workspace) -> None:
    message = {"event": "a", "userId": "u-1", "messageId": "m-1"}
    sdk.kept("track", message)
    accept_messages(app=make_app(workspace), messages=[message], kind="track")
    assert Event.objects.count() == 2


def test_long_message_ids_are_told_apart_by_all_of_them(sdk: Sdk) -> None:
    for end in "aab":
        sdk.kept("track", {"event": "a", "userId": "u-1", "messageId": "x" * 300 + end})
    assert Event.objects.count() == 2


def ago(**by: float) -> str:
    return (datetime.now(UTC) - timedelta(**by)).isoformat()


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ({"timestamp": HOUR}, 3600),
        ({"timestamp": 400 * DAY, "sentAt": 400 * DAY - HOUR}, 3600),  # the clock is 400 days slow
        ({"timestamp": -9 * DAY, "sentAt": -9 * DAY - HOUR}, 3600),  # the clock is nine days fast
        ({"originalTimestamp": 2 * HOUR, "timestamp": HOUR}, 7200),
        ({"timestamp": -DAY}, 0),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T23:59:59Z"}, 0),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, 0),
        ({"timestamp": "soon"}, 0),
        ({"timestamp": 5}, 0),
        ({}, 0),
    ],
)
def test_the_time_of_an_event_is_by_our_clock(message: dict[str, Any], seconds: float, sdk: Sdk) -> None:
    """A timedelta stands for the time that long ago."""
    now = datetime.now(UTC)
    times = {name: (now - at).isoformat() if isinstance(at, timedelta) else at for name, at in message.items()}
    answer = sdk.kept("track", {"event": "a", "userId": "u-1", **times})
    told = [one["field"] for one in answer.get("rejected", ())]
    assert told == ["timestamp"] * (message != {} and seconds == 0)
    event = Event.objects.get()
    assert abs((event.received_at - event.at).total_seconds() - seconds) < 60


@pytest.mark.parametrize(
    "message", [{"timestamp": "1970-01-01T00:00:00Z"}, {"timestamp": 401 * DAY, "sentAt": timedelta()}]
)
def test_what_is_told_of_long_ago_is_no_news(message: dict[str, Any], sdk: Sdk) -> None:
    """Somebody sends their history: nobody is to get a message for an order of years ago."""
    now = datetime.now(UTC)
    times = {name: (now - at).isoformat() if isinstance(at, timedelta) else at for name, at in message.items()}
    old = {"type": "track", "event": "a", "userId": "u-1", **times}
    answer = sdk.kept("batch", {"batch": [old, {"type": "track", "event": "b", "userId": "u-1"}]})
    assert [(one["index"], one["field"], one["code"]) for one in answer["rejected"]] == [(0, "timestamp", "too_old")]
    assert owners() == [("b", "u-1")]


def test_a_batch_says_when_it_was_sent_and_in_what_context(sdk: Sdk) -> None:
    messages = [
        {"type": "track", "event": "a", "userId": "u-1", "timestamp": ago(days=99, hours=1)},
        {"type": "track", "event": "b", "userId": "u-1", "timestamp": ago(days=99), "context": {"ip": "::1"}},
    ]
    sdk.kept("batch", {"batch": messages, "sentAt": ago(days=99), "context": {"app": "x"}})
    first, second = Event.objects.order_by("id")
    assert abs((first.received_at - first.at).total_seconds() - 3600) < 60
    assert (first.context, second.context) == ({"app": "x"}, {"ip": "::1"})


def test_who_is_deleted_leaves_no_link(sdk: Sdk, workspace: Workspace) -> None:
    sdk.kept("identify", {"userId": "u-1", "anonymousId": "n-1"})
    delete_contact(contact_id=Contact.objects.get().pk, workspace_id=workspace.pk, actor=SYSTEM)
    sdk.kept("track", {"event": "a", "anonymousId": "n-1"})
    assert owners() == [("a", None)]


def at_once(*runs: Callable[[], None]) -> None:
    """In a thread each, begun together; raises what one of them raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(runs))

    def begin(run: Callable[[], None]) -> None:
        try:
            start.wait(PATIENCE)
            run()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "it has not come to an end"
    for failure in failures:
        raise failure


@pytest.mark.django_db(transaction=True)
def test_no_event_is_left_behind_while_somebody_identifies(app: App) -> None:
    """Anonymous events and identifies of the same ids, at once: afterwards everything belongs to somebody."""

    def tracks() -> None:
        for number in range(8):
            accept_messages(app=app, messages=[{"type": "track", "event": "a", "anonymousId": f"n-{number}"}])

    def identifies() -> None:
        for number in range(8):
            message = {"type": "identify", "userId": f"u-{number}", "anonymousId": f"n-{number}"}
            accept_messages(app=app, messages=[message])

    at_once(tracks, identifies, tracks, identifies)
    assert Event.objects.count() == 32
    assert not Event.objects.filter(contact_id=None).exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_people_in_other_orders_at_once_are_made_once(app: App) -> None:
    people = [f"u-{number}" for number in range(40)]

    def sends(order: Sequence[str]) -> Callable[[], None]:
        kinds = ("track", "identify", "group", "page")
        batch = [
            {"type": kinds[place % 4], "event": "a", "userId": one, "groupId": "g", "anonymousId": f"n-{one}"}
            for place, one in enumerate(order)
        ]
        return partial(_send_each, app, [batch[:20], batch[20:], batch])

    at_once(*(sends(order) for order in (people, people[::-1], people[20:] + people[:20], people[::-1])))
    assert Contact.objects.count() == 40
    assert Event.objects.count() == 4 * 80


def _send_each(app: App, batches: Sequence[Sequence[Any]]) -> None:
    for batch in batches:
        accept_messages(app=app, messages=batch)
