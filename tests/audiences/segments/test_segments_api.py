import json
import threading
from typing import Any

import pytest
from django.db import connection, transaction

from audiences.audience_definition import read_audience
from audiences.models import Segment
from audiences.segments import compiling, selectors
from audiences.segments.selectors import TooSlow, count_segment
from audiences.segments.services import delete_segment
from common.authorship import SYSTEM
from common.errors import Conflict
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.launching.segment_rules import audience_at_event, with_rules
from executions.models import Execution
from executions.states import State
from tests.api_client import Api
from tests.factories import (
    make_app,
    make_campaign,
    make_contact,
    make_contacts,
    make_event,
    make_execution,
    make_list,
    make_segment,
    make_workspace,
)
from tests.waiting import PATIENCE, wait_until
from workspaces.models import AuditEntry, Workspace

SEGMENTS = "/api/v1/segments"
PRO: dict[str, Any] = {
    "type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro",
}  # fmt: skip


def test_a_segment_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.post(SEGMENTS, {"name": " Pros ", "description": "Pay us", "rule": PRO}).json()
    assert (made["status"], made["name"], made["rule"]) == ("success", "Pros", PRO)
    url = made["url"]
    assert api.get(url).json() == {key: value for key, value in made.items() if key not in ("status", "message")}
    other = {"type": "not", "condition": PRO}
    changed = api.patch(url, {"rule": other}).json()
    assert (changed["rule"], changed["name"]) == (other, "Pros")
    assert changed["updated_at"] >= made["updated_at"]
    assert api.patch(url, {"name": "Everybody else"}).json()["rule"] == other
    assert [one["name"] for one in api.get(f"{SEGMENTS}?q=ELSE").json()["results"]] == ["Everybody else"]
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    actions = list(AuditEntry.objects.filter(object_type="segment").order_by("id").values_list("action", flat=True))
    assert actions == ["created", "changed", "changed", "deleted"]


def test_a_segment_is_made_once_for_one_key(api: Api) -> None:
    body = {"name": "Pros", "rule": PRO}
    answers = [api.post(SEGMENTS, body, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert Segment.objects.count() == 1


def test_everything_wrong_is_said_at_once(api: Api) -> None:
    rule = {"type": "and", "conditions": [PRO | {"value": 5}, {"type": "list", "operator": "in", "list_ids": [1]}]}
    answer = api.post(SEGMENTS, {"name": 7, "rule": rule, "colour": "red"})
    assert answer.status_code == 422
    assert {(one["field"], one["code"]) for one in answer.json()["errors"]} == {
        ("name", "wrong_type"),
        ("colour", "unknown_field"),
        ("rule.conditions[0].value", "wrong_type"),
        ("rule.conditions[1].list_ids[0]", "not_found"),
    }
    assert not Segment.objects.exists()


def test_names_and_rules_are_needed(api: Api) -> None:
    missing = api.post(SEGMENTS, {}).json()["errors"]
    assert {(one["field"], one["code"]) for one in missing} == {("name", "required"), ("rule", "required")}
    too_long = api.post(SEGMENTS, {"name": "x" * 101, "rule": PRO}).json()["errors"]
    assert [(one["field"], one["code"], one["limit"]) for one in too_long] == [("name", "too_long", 100)]


def test_what_a_rule_names_must_be_the_workspaces_own(
    api: Api, workspace: Workspace, other_workspace: Workspace
) -> None:
    def named(of: Workspace, app: str, tag: str) -> dict[str, Any]:
        campaign, fixed = make_campaign(of, tags=[tag]), make_list(of)
        make_app(of, app)
        conditions = [
            {"type": "list", "operator": "in", "list_ids": [fixed.pk]},
            {"type": "campaign", "operator": "received", "campaign_ids": [campaign.pk], "tags": [tag.upper()]},
            {"type": "channel", "operator": "reachable", "channel": "push", "app_ids": [app]},
        ]
        return {"type": "or", "conditions": conditions}

    assert api.post(SEGMENTS, {"name": "Ours", "rule": named(workspace, "ours", "sale")}).status_code == 200
    foreign = api.post(SEGMENTS, {"name": "Theirs", "rule": named(other_workspace, "theirs", "secret")})
    assert {(one["field"], one["code"]) for one in foreign.json()["errors"]} == {
        ("rule.conditions[0].list_ids[0]", "not_found"),
        ("rule.conditions[1].campaign_ids[0]", "not_found"),
        ("rule.conditions[1].tags[0]", "not_found"),
        ("rule.conditions[2].app_ids[0]", "not_found"),
    }


def test_a_rule_is_tried_without_being_kept(api: Api, workspace: Workspace, other_workspace: Workspace) -> None:
    make_contacts(workspace, 12, attributes={"plan": "pro"})
    make_contact(workspace, attributes={"plan": "basic"})
    make_contact(other_workspace, attributes={"plan": "pro"})
    answer = api.post(f"{SEGMENTS}/preview", {"rule": PRO}).json()
    assert (answer["status"], answer["count"], len(answer["sample"])) == ("success", 12, 10)
    assert {one["attributes"]["plan"] for one in answer["sample"]} == {"pro"}
    assert not Segment.objects.exists()
    nobody = api.post(f"{SEGMENTS}/preview", {"rule": PRO | {"value": "gold"}}).json()
    assert (nobody["count"], nobody["sample"]) == (0, [])


def test_a_segment_is_counted_as_its_people_change(api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace)
    made = make_segment(workspace, {"type": "event", "operator": "did", "name": "order_placed"})
    url = f"{SEGMENTS}/{made.pk}/count"
    assert api.get(url).json()["count"] == 0
    make_event(contact, name="order_placed")
    assert api.get(url).json()["count"] == 1


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE audiences_contact; --", "%s", "%(x)s", "{}", "\\", "$1", "a%b_c", "E'\\n'", "\u202e", "'||'"],
)
@pytest.mark.parametrize("operator", ["equals", "contains", "in"])
def test_hostile_text_is_only_text(api: Api, workspace: Workspace, text: str, operator: str) -> None:
    make_contact(workspace, attributes={text: f"{text}"}, external_id="me")
    make_contact(workspace, attributes={"x": "y"})
    given = {"values": [text]} if operator == "in" else {"value": text}
    rule = {"type": "attribute", "name": text, "value_type": "text", "operator": operator, **given}
    answer = api.post(f"{SEGMENTS}/preview", {"rule": rule}).json()
    assert [one["external_id"] for one in answer["sample"]] == ["me"]
    filter = {name: value for name, value in rule.items() if name != "type"}
    event = {"type": "event", "operator": "did_not", "name": text, "where": [filter]}
    assert api.post(f"{SEGMENTS}/preview", {"rule": event}).json()["count"] == 2


def test_a_question_that_takes_too_long_is_stopped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_contact(workspace)
    slow = compiling.rule_sql

    def sleeping(*args: Any, **kwargs: Any) -> Any:
        from psycopg.sql import SQL

        return SQL("(pg_sleep(30) IS NOT NULL AND {})").format(slow(*args, **kwargs))

    monkeypatch.setattr(selectors, "SECONDS", 0.05)
    monkeypatch.setattr(selectors, "rule_sql", sleeping)
    with pytest.raises(TooSlow, match="stopped"):
        count_segment(workspace_id=workspace.pk, rule=PRO)
    monkeypatch.undo()
    assert count_segment(workspace_id=workspace.pk, rule=PRO).count == 0


@pytest.mark.parametrize(
    "audience",
    [
        {"type": "segment"},
        {"type": "any_of", "sources": [{"type": "list", "id": 1}, {"type": "segment"}]},
        {"type": "all", "exclude": [{"type": "segment"}]},
    ],
)
def test_a_segment_in_use_can_not_be_deleted(api: Api, workspace: Workspace, audience: dict[str, Any]) -> None:
    made = make_segment(workspace)
    named = json.loads(json.dumps(audience).replace('"segment"', f'"segment", "id": {made.pk}'))
    execution = make_execution(make_campaign(workspace), audience=named, state=State.SCHEDULED)
    answer = api.delete(f"{SEGMENTS}/{made.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert f"execution {execution.pk} (scheduled)" in answer.json()["detail"]
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLED)
    assert api.delete(f"{SEGMENTS}/{made.pk}").status_code == 204


def test_the_schema_is_published_for_everybody(db: None) -> None:
    answer = Api(None).get("/api/schema/segment-rule")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/schema+json"
    assert answer.json()["$id"] == "/api/schema/segment-rule"


@pytest.mark.django_db(transaction=True)
def test_a_launch_and_a_deletion_that_race_leave_no_execution_without_its_segment() -> None:
    workspace = make_workspace()
    make_contact(workspace)
    made = make_segment(workspace)
    campaign = make_campaign(workspace)
    launched, refused = threading.Event(), []

    def delete() -> None:
        try:
            assert launched.wait(PATIENCE)
            delete_segment(segment_id=made.pk, workspace_id=workspace.pk, actor=SYSTEM)
        except Conflict as error:
            refused.append(error.code)
        finally:
            connection.close()

    thread = threading.Thread(target=delete)
    thread.start()
    with transaction.atomic():
        request = LaunchRequest(audience={"type": "segment", "id": made.pk})
        launch(campaign=campaign, request=request, actor=SYSTEM)
        launched.set()
        wait_until(_somebody_waits, "the deletion waits for the launch")
    thread.join(PATIENCE)
    assert refused == ["in_use"]
    assert Segment.objects.filter(pk=made.pk).exists()


def _somebody_waits() -> bool:
    """For a lock that this transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


WATCHERS: dict[str, Any] = {
    "type": "attribute", "name": "watched", "value_type": "list", "operator": "has", "value": {"event": "sku"},
}  # fmt: skip


def test_a_rule_for_a_business_event_is_counted_for_an_example_of_one(api: Api, workspace: Workspace) -> None:
    make_contacts(workspace, 2, attributes={"watched": ["A-1"]})
    make_contacts(workspace, 1, attributes={"watched": ["B-2"]})
    made = api.post(SEGMENTS, {"name": "Watchers", "rule": WATCHERS}).json()
    assert made["event_properties"] == ["sku"]
    url = f"{made['url']}/count"
    counts = [api.post(url, {"event": {"sku": sku}}).json()["count"] for sku in ("A-1", "B-2", "C-3")]
    assert counts == [2, 1, 0]
    assert api.post(f"{SEGMENTS}/preview", {"rule": WATCHERS, "event": {"sku": "A-1"}}).json()["count"] == 2
    plain = make_segment(workspace, PRO)
    assert api.post(f"{SEGMENTS}/{plain.pk}/count", {}).json()["count"] == 0


@pytest.mark.parametrize(
    ("event", "field", "code"),
    [
        (None, "rule", "needs_event"),
        ({}, "rule.value", "missing_property"),
        ({"sku": None}, "rule.value", "missing_property"),
        ({"sku": {"a": 1}}, "rule.value", "wrong_type"),
        ({"sku": True}, "rule.value", "wrong_type"),
        ("A-1", "event", "wrong_type"),
    ],
)
def test_without_a_fit_example_it_is_not_counted(
    event: Any, field: str, code: str, api: Api, workspace: Workspace
) -> None:
    url = f"{SEGMENTS}/{make_segment(workspace, WATCHERS).pk}/count"
    for answer in (
        api.post(url, {"event": event}),
        api.post(f"{SEGMENTS}/preview", {"rule": WATCHERS, "event": event}),
    ):
        assert answer.status_code == 422
        assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    asked = api.get(url)
    assert (asked.status_code, asked.json()["errors"][0]["code"]) == (422, "needs_event")


def test_a_launch_by_hand_of_such_a_rule_says_why_not(api: Api, workspace: Workspace) -> None:
    campaign, watchers = make_campaign(workspace), make_segment(workspace, WATCHERS)
    make_contact(workspace)
    for body in (
        {"type": "segment", "id": watchers.pk},
        {"type": "all", "exclude": [{"type": "segment", "id": watchers.pk}]},
    ):
        for dry_run in (False, True):
            answer = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", {"audience": body, "dry_run": dry_run})
            assert answer.status_code == 422
            [error] = answer.json()["errors"]
            assert error["code"] == "needs_event"
            assert error["field"].startswith("audience.")
    assert Execution.objects.count() == 0


def test_an_audience_that_awaits_an_event_gets_its_values(workspace: Workspace) -> None:
    watchers = make_segment(workspace, WATCHERS)
    audience = read_audience({"type": "any_of", "sources": [{"type": "segment", "id": watchers.pk}] * 2})
    with transaction.atomic():
        awaiting = with_rules(workspace.pk, audience, awaits_event=True)
    assert awaiting.errors == ()
    filled, errors = audience_at_event(awaiting.stored, {"sku": "A-1"})
    assert ({source["rule"]["value"] for source in filled["sources"]}, errors) == ({"A-1"}, [])
    assert awaiting.stored["sources"][0]["rule"] == WATCHERS
    assert {error.code for error in audience_at_event(awaiting.stored, {})[1]} == {"missing_property"}
