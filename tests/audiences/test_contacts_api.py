from typing import Any

import pytest

from audiences.models import Address, Contact, Suppression
from tests.api_client import Api
from tests.factories import make_address, make_contact, make_list
from workspaces.models import App, AuditEntry, Workspace

CONTACTS = "/api/v1/contacts"


def test_the_pinned_upsert(api: Api, workspace: Workspace, app: App) -> None:
    fixed = make_list(workspace)
    make_contact(workspace, external_id="user-1", email=None, attributes={"old_plan": "x"})
    answer = api.post(
        CONTACTS,
        {
            "list_ids": [fixed.pk],
            "attributes_mode": "merge",
            "contacts": [
                {
                    "external_id": "user-1",
                    "locale": "pt-BR",
                    "timezone": "America/Sao_Paulo",
                    "attributes": {"first_name": "Ana", "old_plan": None},
                    "addresses": [
                        {
                            "type": "email",
                            "value": "ana@example.test",
                            "consent": "subscribed",
                            "consent_source": "checkout",
                            "consent_at": "2026-01-05T09:00:00Z",
                        },
                        {"type": "push", "app_id": "shop-android", "value": "fcm-token", "platform": "android"},
                    ],
                },
                {"email": "b@example.test"},
                {"email": "nope"},
            ],
        },
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "received": 3,
        "created": 1,
        "updated": 1,
        "unchanged": 0,
        "rejected_count": 1,
        "rejected": [
            {
                "index": 2,
                "field": "contacts[2].email",
                "code": "invalid_address",
                "message": '"nope" has no @.',
            }
        ],
    }
    assert fixed.memberships.count() == 2


def test_a_contact_is_read_with_its_addresses(api: Api, workspace: Workspace, app: App) -> None:
    contact = make_contact(workspace, external_id="user-1", email="a@example.test", app=app, locale="de")
    found = api.get(f"{CONTACTS}/{contact.pk}").json()
    assert found["contact_id"] == contact.pk and found["external_id"] == "user-1"
    assert (found["locale"], found["timezone"], found["temporary"]) == ("de", None, False)
    assert [(one["type"], one["app_id"], one["consent"]) for one in found["addresses"]] == [
        ("email", None, "subscribed"),
        ("push", "shop-android", "subscribed"),
    ]


def test_contacts_are_listed_newest_first_and_paged(api: Api, workspace: Workspace) -> None:
    made = [make_contact(workspace).pk for _ in range(3)]
    first = api.get(f"{CONTACTS}?limit=2").json()
    assert [one["contact_id"] for one in first["results"]] == made[:0:-1]
    second = api.get(first["next"]).json()
    assert [one["contact_id"] for one in second["results"]] == made[:1]
    assert second["next"] is None


def test_contacts_are_found_by_external_id_email_and_list(api: Api, workspace: Workspace) -> None:
    wanted = make_contact(workspace, external_id="user-1", email="ana@example.test")
    make_contact(workspace)
    fixed = make_list(workspace, [wanted])
    for query in ("external_id=user-1", "email=Ana@Example.test", f"list_id={fixed.pk}"):
        assert [one["contact_id"] for one in api.get(f"{CONTACTS}?{query}").json()["results"]] == [wanted.pk]


@pytest.mark.parametrize("query", ["email=nope", "emial=a@b.c", "list_id=x", "limit=0", "external_id=%00"])
def test_a_filter_that_makes_no_sense_is_refused(api: Api, query: str) -> None:
    assert api.get(f"{CONTACTS}?{query}").status_code == 422


def test_a_deleted_contact_is_gone_with_its_addresses_and_its_suppression_stays(api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace, email="a@example.test")
    make_list(workspace, [contact])
    Suppression.objects.create(workspace=workspace, type="email", value="a@example.test")
    assert api.delete(f"{CONTACTS}/{contact.pk}").status_code == 204
    assert not Contact.objects.exists() and not Address.objects.exists() and Suppression.objects.exists()
    assert api.delete(f"{CONTACTS}/{contact.pk}").status_code == 404
    assert AuditEntry.objects.get(object_type="contact").action == "deleted"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "contacts", "required"),
        ({"contacts": []}, "contacts", "required"),
        ({"contacts": {}}, "contacts", "wrong_type"),
        ({"contacts": [{}] * 10_001}, "contacts", "too_many"),
        ({"contacts": [{}], "attributes_mode": "mix"}, "attributes_mode", "unknown_choice"),
        ({"contacts": [{}], "list_ids": [987654321]}, "list_ids[0]", "not_found"),
        ({"contacts": [{}], "list_ids": ["x"]}, "list_ids[0]", "wrong_type"),
        ({"contacts": [{}], "listids": []}, "listids", "unknown_field"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(api: Api, body: Any, field: str, code: str) -> None:
    answer = api.post(CONTACTS, body)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_lists_of_others_do_not_exist_in_a_body(api: Api, other_workspace: Workspace) -> None:
    theirs = make_list(other_workspace)
    answer = api.post(CONTACTS, {"contacts": [{"external_id": "1"}], "list_ids": [theirs.pk]})
    assert answer.json()["errors"][0]["code"] == "not_found" and not Contact.objects.exists()


def test_the_same_request_with_a_key_is_done_once(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    body = {"contacts": [{"email": "a@example.test"}]}
    first = api.post(CONTACTS, body, headers=headers)
    again = api.post(CONTACTS, body, headers=headers)
    assert first.json() == again.json() and first.json()["created"] == 1
    assert again["Idempotent-Replayed"] == "true"


def test_contacts_of_others_are_absent(other_api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace)
    make_address(contact, "sms", value="+491701234567")
    for method in ("GET", "DELETE"):
        assert other_api.request(method, f"{CONTACTS}/{contact.pk}").status_code == 404
    assert other_api.get(CONTACTS).json()["results"] == []


def test_reading_needs_the_scope_to_read_and_writing_the_one_to_write(workspace: Workspace) -> None:
    reader, writer = Api.of(workspace, "contacts:read"), Api.of(workspace, "contacts:write")
    body = {"contacts": [{"external_id": "1"}]}
    assert (reader.get(CONTACTS).status_code, reader.post(CONTACTS, body).status_code) == (200, 403)
    assert (writer.get(CONTACTS).status_code, writer.post(CONTACTS, body).status_code) == (403, 200)


def test_listing_takes_the_same_queries_however_many_contacts(
    api: Api, workspace: Workspace, app: App, django_assert_num_queries: Any
) -> None:
    for _ in range(5):
        make_contact(workspace, app=app)
    api.get(CONTACTS)
    with django_assert_num_queries(3):
        api.get(CONTACTS)
