"""POST and GET /api/v1/events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audiences.models import Contact, Event
from tests.api_client import Api
from tests.factories import make_app, make_contact
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
PATH = "/api/v1/events"


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def send(api: Api, *events: Any, **more: Any) -> Any:
    answer = api.post(PATH, {"events": list(events), **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_one_event_is_kept_as_it_was_sent(api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace, external_id="user-1")
    app = make_app(workspace)
    body = {
        "name": " order_placed ",
        "external_id": "user-1",
        "app_id": app.app_id,
        "at": "2026-11-20T10:00:00+02:00",
        "message_id": "m-1",
        "properties": {"total": 49.9, "items": [{"sku": "Ä-1"}]},
    }
    body["at"] = iso(datetime.now(UTC).replace(microsecond=0) - timedelta(days=2))
    answer = api.post(PATH, body)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "received": 1,
        "accepted": 1,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
    }
    (shown,) = api.get(PATH).json()["results"]
    event = Event.objects.get()
    assert shown == {
        "event_id": event.id,
        "name": "order_placed",
        "source": "server",
        "contact_id": contact.pk,
        "external_id": "user-1",
        "anonymous_id": None,
        "app_id": app.app_id,
        "at": body["at"],
        "received_at": iso(event.received_at.replace(microsecond=0)),
        "message_id": "m-1",
        "properties": {"total": 49.9, "items": [{"sku": "Ä-1"}]},
        "context": None,
        "triggered": [],
    }


def test_somebody_unknown_is_made_with_what_names_them(api: Api, workspace: Workspace) -> None:
    send(
        api,
        {"name": "signed_up", "external_id": "new", "email": "New@Example.test"},
        {"name": "signed_up", "phone": "+49 30 901820"},
        {"name": "opened", "external_id": "new"},
    )
    assert Contact.objects.filter(workspace=workspace).count() == 2
    contact = Contact.objects.get(external_id="new")
    assert [one.value for one in contact.addresses.all()] == ["new@example.test"]
    assert Event.objects.filter(contact_id=contact.pk).count() == 2


def test_without_create_missing_only_the_unknown_are_refused(api: Api, workspace: Workspace) -> None:
    make_contact(workspace, external_id="known", email="known@example.test")
    answer = send(
        api,
        {"name": "a", "external_id": "known"},
        {"name": "a", "external_id": "unknown"},
        {"name": "a", "email": "known@example.test"},
        {"name": "a", "email": "unknown@example.test"},
        create_missing=False,
    )
    assert answer["accepted"] == 2
    assert [(one["index"], one["field"], one["code"]) for one in answer["rejected"]] == [
        (1, "events[1].external_id", "not_found"),
        (3, "events[3].email", "not_found"),
    ]
    assert Contact.objects.filter(workspace=workspace).count() == 1


def test_a_person_of_another_workspace_is_nobody_here(api: Api, other_workspace: Workspace) -> None:
    make_contact(other_workspace, external_id="theirs", email="theirs@example.test")
    rows = [{"name": "a", "external_id": "theirs"}, {"name": "a", "email": "theirs@example.test"}]
    assert send(api, *rows, create_missing=False)["rejected_count"] == 2


def test_a_business_event_has_no_person(api: Api) -> None:
    send(api, {"name": "price_dropped", "properties": {"sku": "A"}})
    assert Event.objects.get().contact_id is None


def test_the_same_message_counts_once(api: Api) -> None:
    first = send(api, *({"name": "a", "message_id": f"m-{n}"} for n in (1, 2, 1)))
    assert (first["accepted"], first["duplicates"]) == (2, 1)
    again = send(api, *({"name": "a", "message_id": f"m-{n}"} for n in (2, 3)))
    assert (again["accepted"], again["duplicates"]) == (1, 1)
    assert Event.objects.count() == 3


def test_the_same_message_of_another_workspace_is_another(api: Api, other_api: Api) -> None:
    for one in (api, other_api):
        assert send(one, {"name": "a", "message_id": "m"})["accepted"] == 1


def test_a_retried_request_answers_what_the_first_one_answered(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [api.post(PATH, {"name": "a"}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert Event.objects.count() == 1


def nested(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = {"a": found}
    return found


NOW = datetime.now(UTC)
BAD: dict[str, tuple[Any, str, str]] = {
    "not an object": ("text", "", "wrong_type"),
    "null": (None, "", "wrong_type"),
    "no name": ({"external_id": "u"}, "name", "required"),
    "empty name": ({"name": "  "}, "name", "required"),
    "name of another type": ({"name": 5}, "name", "wrong_type"),
    "name too long": ({"name": "x" * 201}, "name", "too_long"),
    "name with NUL": ({"name": "a\u007f\u0000"}, "name", "nul"),
    "unknown field with NUL": ({"name": "a", "\0": 1}, "\0", "unknown_field"),
    "person with NUL": ({"name": "a", "external_id": "\0"}, "external_id", "nul"),
    "email with NUL": ({"name": "a", "email": "a\0@example.test"}, "email", "nul"),
    "phone with NUL": ({"name": "a", "phone": "+4930\0901820"}, "phone", "nul"),
    "app with NUL": ({"name": "a", "app_id": "\0"}, "app_id", "nul"),
    "message id with NUL": ({"name": "a", "message_id": "\0"}, "message_id", "nul"),
    "time with NUL": ({"name": "a", "at": "2026-11-20\0"}, "at", "nul"),
    "properties with NUL": ({"name": "a", "properties": {"a": ["\0"]}}, "properties", "nul"),
    "property named NUL": ({"name": "a", "properties": {"\0": 1}}, "properties", "nul"),
    "two hundred levels": ({"name": "a", "properties": nested(200)}, "properties", "too_deep"),
    "name of two hundred levels": ({"name": nested(200)}, "name", "wrong_type"),
    "person of two hundred levels": ({"name": "a", "email": nested(200)}, "email", "wrong_type"),
    "unknown field": ({"name": "a", "userId": "u"}, "userId", "unknown_field"),
    "person too long": ({"name": "a", "external_id": "x" * 256}, "external_id", "too_long"),
    "person of another type": ({"name": "a", "external_id": [1]}, "external_id", "wrong_type"),
    "no email": ({"name": "a", "email": "nope"}, "email", "invalid_address"),
    "no phone": ({"name": "a", "phone": "12"}, "phone", "invalid_address"),
    "unknown app": ({"name": "a", "app_id": "nope"}, "app_id", "not_found"),
    "message id too long": ({"name": "a", "message_id": "x" * 256}, "message_id", "too_long"),
    "message id of another type": ({"name": "a", "message_id": True}, "message_id", "wrong_type"),
    "no time": ({"name": "a", "at": "yesterday"}, "at", "invalid_time"),
    "time without offset": ({"name": "a", "at": "2026-11-20T10:00:00"}, "at", "invalid_time"),
    "time of another type": ({"name": "a", "at": 1700000000}, "at", "wrong_type"),
    "the future": ({"name": "a", "at": iso(NOW + timedelta(days=1))}, "at", "in_the_future"),
    "the end of time": ({"name": "a", "at": "9999-12-31T23:59:59-14:00"}, "at", "invalid_time"),
    "1970": ({"name": "a", "at": "1970-01-01T00:00:00Z"}, "at", "too_old"),
    "year one": ({"name": "a", "at": "0001-01-01T00:00:00Z"}, "at", "too_old"),
    "properties of another type": ({"name": "a", "properties": [1]}, "properties", "wrong_type"),
    "properties too large": ({"name": "a", "properties": {"a": "x" * 33_000}}, "properties", "too_large"),
    "properties too deep": ({"name": "a", "properties": nested(17)}, "properties", "too_deep"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_is_named_and_harms_no_other(name: str, api: Api) -> None:
    event, field, code = BAD[name]
    raw = {"events": [{"name": "good"}, event, {"name": "good", "properties": nested(16)}]}
    answer = api.post(PATH, raw, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200
    assert api.post(PATH, raw, headers={"Idempotency-Key": "k"}).json() == answer.json()
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["field"], rejected["code"]) == (1, f"events[1].{field}".rstrip("."), code)
    assert Event.objects.count() == 2


@pytest.mark.parametrize("name", [name for name, (event, _, _) in BAD.items() if isinstance(event, dict)])
def test_a_single_bad_event_is_refused(name: str, api: Api) -> None:
    event, field, code = BAD[name]
    answer = api.post(PATH, event)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert not Event.objects.exists()


def test_a_body_that_could_not_be_written_again_is_refused_in_words(api: Api) -> None:
    answer = api.post(PATH, {"name": "a", "properties": nested(300)})
    assert answer.status_code == 400
    assert "nested deeper than 240 levels" in answer.json()["detail"]


def test_ten_thousand_events_take_a_handful_of_statements(api: Api, workspace: Workspace) -> None:
    rows = [{"name": "opened", "external_id": f"user-{n % 2000}", "properties": {"n": n}} for n in range(10_000)]
    send(api, *rows[:2000])
    with CaptureQueriesContext(connection) as queries:
        answer = send(api, *rows)
    assert answer["accepted"] == 10_000
    assert len(queries) <= 12
    assert send(api, {"name": "a"})["accepted"] == 1


def test_more_than_ten_thousand_are_refused(api: Api) -> None:
    answer = api.post(PATH, {"events": [{"name": "a"}] * 10_001})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "too_many"


def test_events_are_listed_newest_first_and_filtered(api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace, external_id="user-1")
    send(
        api,
        {"name": "a", "external_id": "user-1"},
        {"name": "b", "external_id": "user-1"},
        {"name": "a"},
    )

    def names(query: str) -> list[tuple[str, int | None]]:
        return [(one["name"], one["contact_id"]) for one in api.get(f"{PATH}?{query}").json()["results"]]

    assert names("") == [("a", None), ("b", contact.pk), ("a", contact.pk)]
    assert names("name=a") == [("a", None), ("a", contact.pk)]
    assert names(f"contact_id={contact.pk}") == names("external_id=user-1") == [("b", contact.pk), ("a", contact.pk)]
    assert names("external_id=nobody") == []
    first = api.get(f"{PATH}?limit=2").json()
    second = api.get(first["next"]).json()
    assert [one["name"] for one in first["results"] + second["results"]] == ["a", "b", "a"]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["name=%00", "external_id=a%00", "contact_id=%00", "after=%00", "name=%FF"])
def test_a_strange_question_is_refused_or_finds_nothing(query: str, api: Api) -> None:
    assert api.get(f"{PATH}?{query}").status_code in (200, 422)


def test_keys_need_their_scopes(workspace: Workspace) -> None:
    reader, writer = Api.of(workspace, "events:read"), Api.of(workspace, "events:write")
    assert reader.post(PATH, {"name": "a"}).status_code == 403
    assert writer.get(PATH).status_code == 403
    assert writer.post(PATH, {"name": "a"}).status_code == 200
    assert reader.get(PATH).status_code == 200


def test_whoever_is_deleted_takes_their_events_along(api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace, external_id="user-1")
    send(api, {"name": "a", "external_id": "user-1"}, {"name": "b"})
    assert api.delete(f"/api/v1/contacts/{contact.pk}").status_code == 204
    assert [event.name for event in Event.objects.all()] == ["b"]
