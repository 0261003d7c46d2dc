"""`/api/v1/quiet-hours`, and the same in the admin."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from executions.models import QuietHours
from tests.admin.conftest import signed_in
from tests.api_client import Api
from tests.factories import make_member, make_quiet_hours
from workspaces.models import AuditEntry, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
URL = "/api/v1/quiet-hours"
WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NIGHT = {"type": "push", "starts": "22:00", "ends": "08:00"}


def told(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


def test_creates_a_rule_and_says_it_in_words(api: Api) -> None:
    answer = api.post(URL, NIGHT)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found.pop("created_at").endswith("Z")
    assert {name: found[name] for name in ("status", "type", "starts", "ends", "days", "policy", "rule")} == {
        "status": "success",
        "type": "push",
        "starts": "22:00",
        "ends": "08:00",
        "days": WEEK,
        "policy": "hold",
        "rule": "hold push 22:00 to 08:00",
    }
    assert AuditEntry.objects.get(object_type="quiet_hours").action == "created"


def test_the_call_of_the_guide_answers_what_it_says(api: Api) -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "scheduling.md").read_text()
    [(body, expected)] = re.findall(r"quiet-hours\".*?-d '(\{.*?\})'\n```.*?```json\n(.*?)```", page, re.DOTALL)
    answer = api.post(URL, json.loads(body)).json()
    assert {name: answer.get(name) for name in json.loads(expected)} == json.loads(expected)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"starts": "8:30", "ends": "9:00", "policy": "skip"}, "skip any type 08:30 to 09:00"),
        ({"starts": "18:00", "ends": "24:00", "type": "wpn"}, "hold webpush 18:00 to 00:00"),
        ({"starts": "00:00", "ends": "23:59", "days": ["sun", "saturday"]}, "hold any type 00:00 to 23:59 on Sat, Sun"),
        ({"starts": "22:00", "ends": "06:00", "days": None, "type": None}, "hold any type 22:00 to 06:00"),
        ({"starts": "22:00", "ends": "06:00", "days": WEEK}, "hold any type 22:00 to 06:00"),
    ],
)
def test_what_may_be_said(api: Api, body: dict[str, Any], rule: str) -> None:
    answer = api.post(URL, body)
    assert answer.json().get("rule") == rule, answer.content


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"starts": "required", "ends": "required"}),
        ({"starts": "25:00", "ends": "8"}, {"starts": "invalid", "ends": "invalid"}),
        ({"starts": "24:01", "ends": "08:60"}, {"starts": "invalid", "ends": "invalid"}),
        ({"starts": 22, "ends": "08:00"}, {"starts": "wrong_type"}),
        ({"starts": "٢٢:00", "ends": ""}, {"starts": "invalid", "ends": "blank"}),
        ({"starts": "08:00", "ends": "08:00"}, {"ends": "never_ends"}),
        ({"starts": "00:00", "ends": "24:00"}, {"ends": "never_ends"}),
        ({**NIGHT, "days": []}, {"days": "required"}),
        ({**NIGHT, "days": ["someday"]}, {"days[0]": "unknown_choice"}),
        ({**NIGHT, "days": "monday"}, {"days": "wrong_type"}),
        ({**NIGHT, "days": WEEK + WEEK}, {"days": "too_many"}),
        ({**NIGHT, "type": "pigeon", "policy": "sleep"}, {"type": "unknown_choice", "policy": "unknown_choice"}),
        ({**NIGHT, "timezone": "UTC"}, {"timezone": "unknown_field"}),
        ({"starts": "nope", "ends": "08:00", "policy": 1}, {"starts": "invalid", "policy": "wrong_type"}),
    ],
)
def test_every_error_is_named(api: Api, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert told(api.post(URL, body)) == expected
    assert not QuietHours.objects.exists()


def test_quiet_hours_that_together_never_end_are_refused(workspace: Workspace, api: Api) -> None:
    make_quiet_hours(workspace, type="push")
    day = {"starts": "08:00", "ends": "22:00"}
    assert api.post(URL, {**day, "type": "sms"}).status_code == 200
    answer = api.post(URL, day)
    assert told(answer) == {"ends": "never_ends"}
    assert "for push" in answer.json()["errors"][0]["message"]
    shorter = api.post(URL, {**day, "ends": "21:59"})
    assert shorter.status_code == 200
    assert told(api.patch(f"{URL}/{shorter.json()['id']}", {"ends": "22:00"})) == {"ends": "never_ends"}
    assert QuietHours.objects.get(pk=shorter.json()["id"]).ends == 21 * 60 + 59


def test_the_same_twice_is_refused(workspace: Workspace, api: Api) -> None:
    make_quiet_hours(workspace, type="push")
    assert told(api.post(URL, {**NIGHT, "policy": "skip"})) == {"starts": "duplicate"}


def test_reads_lists_changes_and_deletes(workspace: Workspace, api: Api) -> None:
    made = make_quiet_hours(workspace)
    assert [one["id"] for one in api.get(URL).json()["results"]] == [made.pk]
    assert api.get(f"{URL}/{made.pk}").json()["rule"] == "hold any type 22:00 to 08:00"
    changed = api.patch(f"{URL}/{made.pk}", {"ends": "09:15", "days": ["mon"], "policy": "skip"})
    assert changed.json()["rule"] == "skip any type 22:00 to 09:15 on Mon"
    assert told(api.patch(f"{URL}/{made.pk}", {"ends": "22:00"})) == {"ends": "never_ends"}
    assert told(api.patch(f"{URL}/{made.pk}", {"ends": 9, "days": []})) == {"ends": "wrong_type", "days": "required"}
    assert api.delete(f"{URL}/{made.pk}").status_code == 204
    actions = AuditEntry.objects.filter(object_type="quiet_hours").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["changed", "deleted"]


def test_twenty_are_enough(workspace: Workspace, api: Api) -> None:
    for place in range(20):
        make_quiet_hours(workspace, ends=60 + place)
    assert told(api.post(URL, NIGHT)) == {"": "too_many"}


def test_reading_and_writing_need_their_scopes(workspace: Workspace) -> None:
    reader = Api.of(workspace, "quiet_hours:read")
    assert reader.get(URL).status_code == 200
    assert reader.post(URL, NIGHT).status_code == 403
    assert Api.of(workspace, "caps:write").get(URL).status_code == 403


def test_a_repeated_request_makes_one(api: Api) -> None:
    first, second = (api.post(URL, NIGHT, headers={"Idempotency-Key": "night"}) for _ in range(2))
    assert first.json() == second.json()
    assert QuietHours.objects.count() == 1


def test_they_are_made_changed_and_deleted_in_the_admin(workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.ADMIN))
    base = "/admin/executions/quiethours/"
    body = {"type": "sms", "starts": "21:00", "ends": "9:00", "days": ["friday", "saturday"], "policy": "skip"}
    assert client.post(f"{base}add/", body).status_code == 302
    made = QuietHours.objects.get(workspace=workspace)
    assert str(made) == "skip sms 21:00 to 09:00 on Fri, Sat"
    page = client.get(f"{base}{made.pk}/change/")
    assert [page.context["adminform"].form.initial[name] for name in ("starts", "ends", "days")] == [
        "21:00",
        "09:00",
        ["friday", "saturday"],
    ]
    assert client.post(f"{base}{made.pk}/change/", {**body, "ends": "10:00"}).status_code == 302
    wrong = client.post(f"{base}{made.pk}/change/", {**body, "ends": "21:00"})
    assert "whole day" in wrong.content.decode()
    assert QuietHours.objects.get().ends == 600
    client.post(f"{base}{made.pk}/delete/", {"post": "yes"})
    assert not QuietHours.objects.exists()
    trail = AuditEntry.objects.filter(object_type="quiet_hours").order_by("pk")
    assert [entry.action for entry in trail] == ["created", "changed", "deleted"]
