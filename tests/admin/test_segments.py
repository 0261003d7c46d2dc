"""Segments in the admin, beneath the builder: who may, what is said, what is offered."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audiences.events.server_events import accept_events
from audiences.models import Segment
from audiences.segments.selectors import TooSlow
from audiences.segments.words import words_of
from executions.states import State
from tests.factories import (
    make_app,
    make_campaign,
    make_contact,
    make_event,
    make_execution,
    make_list,
    make_segment,
)
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
SEGMENTS = "/admin/audiences/segment/"
PRO: dict[str, Any] = {
    "type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro",
}  # fmt: skip


def form(rule: Any, **more: Any) -> dict[str, Any]:
    return {"name": "Pros", "description": "", "rule": rule if isinstance(rule, str) else json.dumps(rule), **more}


def test_a_segment_is_made_and_changed_through_the_service(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.EDITOR)
    assert client.post(f"{SEGMENTS}add/", form(PRO)).status_code == 302
    made = Segment.objects.get()
    assert (made.workspace_id, made.rule, made.created_by_kind) == (workspace.pk, PRO, "user")
    other = {"type": "not", "condition": PRO}
    assert client.post(f"{SEGMENTS}{made.pk}/change/", form(other, name="Others")).status_code == 302
    made.refresh_from_db()
    assert (made.rule, made.name) == (other, "Others")
    assert "changed" in client.get(f"{SEGMENTS}{made.pk}/history/").content.decode()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {"type": "and", "conditions": [PRO | {"value": 7}]},
            "conditions[0].value: This is text; it is a whole number.",
        ),
        ({}, "blank"),
        ({"type": "xor"}, 'type: There is no "xor" here.'),
        ("not json", "valid JSON"),
        ("[" * 5_000, "JSON"),
        ({"type": "list", "operator": "in", "list_ids": [999]}, "list_ids[0]: This workspace has no such list."),
        (PRO | {"value": "a\0b"}, "character"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_where_it_is(staff: Staff, rule: Any, words: str) -> None:
    answer = staff(Role.EDITOR).post(f"{SEGMENTS}add/", form(rule))
    assert answer.status_code == 200
    assert words in " ".join(answer.context["adminform"].form.errors["rule"])
    assert not Segment.objects.exists()


def test_a_rule_is_counted_before_it_is_saved(staff: Staff, workspace: Workspace, other_workspace: Workspace) -> None:
    mine = make_contact(workspace, attributes={"plan": "pro", "text": "x" * 500})
    make_contact(other_workspace, attributes={"plan": "pro"})
    client = staff(Role.VIEWER)
    seen = client.post(f"{SEGMENTS}preview/", {"workspace": workspace.pk, "rule": json.dumps(PRO)}).json()
    assert (seen["count"], [one["id"] for one in seen["sample"]]) == (1, [mine.pk])
    assert len(seen["sample"][0]["attributes"]) < 200
    for strange in (other_workspace.pk, "", "x", "9" * 30, "-1"):
        assert client.post(f"{SEGMENTS}preview/", {"workspace": strange, "rule": "{}"}).status_code == 404


@pytest.mark.parametrize("text", ["", "null", "7", "{", "[" * 5_000, "\ud83d", '{"type": "and"}', "9" * 400])
def test_a_preview_of_nonsense_says_what_is_wrong(staff: Staff, workspace: Workspace, text: str) -> None:
    body = json.dumps({"x": text}) if "\ud83d" in text else text
    answer = staff(Role.VIEWER).post(f"{SEGMENTS}preview/", {"workspace": workspace.pk, "rule": body})
    assert answer.status_code == 200
    assert answer.json()["errors"]


def test_a_count_that_takes_too_long_says_so(
    staff: Staff, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(**question: Any) -> None:
        raise TooSlow("Finding who fits took more than 10 seconds, so it was stopped.")

    monkeypatch.setattr("audiences.segments.admin.preview_segment", slow)
    answer = staff(Role.VIEWER).post(f"{SEGMENTS}preview/", {"workspace": workspace.pk, "rule": json.dumps(PRO)})
    assert "10 seconds" in answer.json()["stopped"]


def test_names_that_are_in_use_are_offered(staff: Staff, workspace: Workspace, other_workspace: Workspace) -> None:
    for of, mark in ((workspace, "ours"), (other_workspace, "theirs")):
        contact = make_contact(of, attributes={f"{mark} born": "1990-05-17", f"{mark} tags": ["x"], mark: 7})
        make_event(contact, name=f"{mark} order")
        make_event(contact, name=f"{mark} cart")
        make_event(contact, name=f"{mark} order")
        accept_events(workspace_id=of.pk, rows=[{"name": f"{mark} price"}])
        make_list(of, name=f"{mark} list")
        make_campaign(of, name=f"{mark} campaign", tags=[f"{mark} tag"])
        make_app(of, f"{mark}-app")
    client = staff(Role.VIEWER)
    words = client.get(f"{SEGMENTS}words/?workspace={workspace.pk}").json()
    assert dict(words["attributes"]) == {"ours born": "date", "ours tags": "list", "ours": "number"}
    assert (words["events"], words["business_events"]) == (["ours cart", "ours order"], ["ours price"])
    assert [name for _, name in words["lists"]] == ["ours list"]
    assert [name for _, name in words["campaigns"]] == ["ours campaign"]
    assert (words["tags"], words["apps"]) == (["ours tag"], ["ours-app"])
    assert client.get(f"{SEGMENTS}words/?workspace={other_workspace.pk}").status_code == 404
    assert client.get(f"{SEGMENTS}words/").status_code == 404


def test_of_a_workspace_without_anything_nothing_is_offered(workspace: Workspace) -> None:
    assert {name: list(found) for name, found in words_of(workspace.pk).items()} == {
        "attributes": [], "events": [], "business_events": [], "lists": [], "campaigns": [], "tags": [], "apps": [],
    }  # fmt: skip


def test_a_rule_for_a_business_event_asks_for_an_example_of_one(staff: Staff, workspace: Workspace) -> None:
    make_contact(workspace, attributes={"watched": ["A-1"]})
    rule = {"type": "attribute", "name": "watched", "value_type": "list", "operator": "has", "value": {"event": "sku"}}
    client = staff(Role.VIEWER)

    def tried(event: str) -> Any:
        typed = {"workspace": workspace.pk, "rule": json.dumps(rule), "event": event}
        answer = client.post(f"{SEGMENTS}preview/", typed)
        assert answer.status_code == 200
        return answer.json()

    for event in ("", "{}", "[]", "nonsense", "[" * 5_000, '{"sku": null}'):
        found = tried(event)
        assert found["event"] == [["sku", "scalar"]]
        assert found.get("wanting") or found["errors"][0]["code"] == "missing_property"
    assert tried('{"sku": "A-1"}')["count"] == 1
    assert tried('{"sku": {"event": "sku"}}')["errors"][0]["code"] == "wrong_type"


def test_a_viewer_reads_a_rule_and_changes_nothing(staff: Staff, workspace: Workspace) -> None:
    made = make_segment(workspace, PRO)
    client = staff(Role.VIEWER)
    page = client.get(f"{SEGMENTS}{made.pk}/change/")
    assert (page.status_code, page.context["builder"]["readonly"]) == (200, True)
    assert client.post(f"{SEGMENTS}{made.pk}/change/", form({"type": "not", "condition": PRO})).status_code == 403
    made.refresh_from_db()
    assert made.rule == PRO


def test_a_segment_in_use_is_kept_and_the_page_says_by_what(staff: Staff, workspace: Workspace) -> None:
    used, free = make_segment(workspace), make_segment(workspace)
    audience = {"type": "segment", "id": used.pk}
    execution = make_execution(make_campaign(workspace), audience=audience, state=State.PAUSED)
    client = staff(Role.EDITOR)
    answer = client.post(f"{SEGMENTS}{used.pk}/delete/", {"post": "yes"}, follow=True)
    assert f"execution {execution.pk} (paused)" in answer.content.decode()
    both = {"action": "delete_selected", "_selected_action": [used.pk, free.pk], "post": "yes"}
    answer = client.post(SEGMENTS, both, follow=True)
    assert f"execution {execution.pk} (paused)" in answer.content.decode()
    assert list(Segment.objects.values_list("pk", flat=True)) == [used.pk]
