from typing import Any

import pytest

from audiences.models import List
from tests.api_client import Api
from tests.factories import make_contact, make_list
from workspaces.models import AuditEntry, Workspace

LISTS = "/api/v1/lists"


def test_a_list_is_made_renamed_and_archived(api: Api) -> None:
    made = api.post(LISTS, {"name": " Newsletter ", "description": "Weekly"}).json()
    assert (made["status"], made["name"], made["state"]) == ("success", "Newsletter", "open")
    url = made["url"]
    assert api.patch(url, {"name": "News"}).json()["name"] == "News"
    assert api.get(url).json() | {"size": 0} == api.get(url).json()
    assert api.post(f"{url}/archive").json()["state"] == "archived"
    assert api.post(f"{url}/archive").status_code == 200
    assert api.patch(url, {"name": "x"}).status_code == 409
    assert api.get(LISTS).json()["results"] == []
    assert [one["name"] for one in api.get(f"{LISTS}?state=archived").json()["results"]] == ["News"]
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True))[-3:] == [
        "created",
        "changed",
        "archived",
    ]


def test_lists_are_found_by_a_part_of_the_name(api: Api, workspace: Workspace) -> None:
    make_list(workspace, name="Gold members")
    make_list(workspace, name="Silver")
    assert [one["name"] for one in api.get(f"{LISTS}?q=gold").json()["results"]] == ["Gold members"]


def test_contacts_are_put_in_and_taken_out(api: Api, workspace: Workspace, other_workspace: Workspace) -> None:
    first, second = make_contact(workspace), make_contact(workspace, external_id="user-x")
    stranger = make_contact(other_workspace)
    fixed = make_list(workspace, [first])
    url = f"{LISTS}/{fixed.pk}/contacts"
    body = {"contact_ids": [first.pk, stranger.pk], "external_ids": ["user-x", "nobody"]}
    answer = api.post(url, body).json()
    assert (answer["changed"], answer["unchanged"], answer["rejected_count"]) == (1, 1, 2)
    assert answer["rejected"] == [
        {"field": "contact_ids[1]", "code": "not_found", "value": str(stranger.pk)},
        {"field": "external_ids[1]", "code": "not_found", "value": "nobody"},
    ]
    assert set(fixed.memberships.values_list("contact_id", flat=True)) == {first.pk, second.pk}
    assert api.post(f"{url}/remove", {"contact_ids": [str(first.pk)]}).json()["changed"] == 1
    assert list(fixed.memberships.values_list("contact_id", flat=True)) == [second.pk]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"name": 5}, "name", "wrong_type"),
        ({"name": "x", "description": "y" * 501}, "description", "too_long"),
        ({"name": "x", "nmae": 1}, "nmae", "unknown_field"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(api: Api, body: Any, field: str, code: str) -> None:
    answer = api.post(LISTS, body)
    assert answer.status_code == 422 and not List.objects.exists()
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_nobody_named_is_refused(api: Api, workspace: Workspace) -> None:
    answer = api.post(f"{LISTS}/{make_list(workspace).pk}/contacts", {})
    assert answer.json()["errors"][0]["field"] == "contact_ids"


def test_lists_of_others_are_absent(other_api: Api, workspace: Workspace) -> None:
    url = f"{LISTS}/{make_list(workspace).pk}"
    answers = [
        other_api.get(url),
        other_api.patch(url, {"name": "x"}),
        other_api.post(f"{url}/archive"),
        other_api.post(f"{url}/contacts", {"contact_ids": [1]}),
        other_api.post(f"{url}/contacts/remove", {"contact_ids": [1]}),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert other_api.get(LISTS).json()["results"] == []


def test_an_archived_list_takes_nobody(api: Api, workspace: Workspace) -> None:
    fixed = make_list(workspace)
    api.post(f"{LISTS}/{fixed.pk}/archive")
    assert api.post(f"{LISTS}/{fixed.pk}/contacts", {"external_ids": ["x"]}).status_code == 409
    answer = api.post("/api/v1/contacts", {"contacts": [{"external_id": "1"}], "list_ids": [fixed.pk]})
    assert answer.json()["errors"][0]["code"] == "not_found"
