"""`/api/v1/frequency-caps`."""

from typing import Any

import pytest

from campaigns.models import Tag
from executions.models import FrequencyCap
from tests.api_client import Api
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
URL = "/api/v1/frequency-caps"


def make_cap(workspace: Workspace, **fields: Any) -> FrequencyCap:
    return FrequencyCap.objects.create(workspace=workspace, **{"max": 2, "window_seconds": 86400, **fields})


def test_creates_a_rule_and_says_it_in_words(api: Api) -> None:
    answer = api.post(URL, {"type": "email", "max": 2, "window": "24h"})
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["created_at"].endswith("Z")
    assert {name: found[name] for name in ("status", "type", "tag", "max", "window", "window_seconds", "rule")} == {
        "status": "success",
        "type": "email",
        "tag": None,
        "max": 2,
        "window": "24h",
        "window_seconds": 86400,
        "rule": "2 email in 24 h",
    }
    assert AuditEntry.objects.get(object_type="frequency_cap").action == "created"


@pytest.mark.parametrize(
    ("window", "seconds", "words"),
    [
        (3600, 3600, "1h"),
        ("7d", 604800, "7d"),
        ("1 week", 604800, "7d"),
        ("90 min", 5400, "90m"),
        ("60s", 60, "1m"),
        ("30 days", 2592000, "30d"),
        ("61s", 61, "61s"),
    ],
)
def test_a_window_is_given_in_seconds_or_words(api: Api, window: Any, seconds: int, words: str) -> None:
    found = api.post(URL, {"max": 1, "window": window}).json()
    assert (found["window_seconds"], found["window"]) == (seconds, words)
    assert api.patch(f"{URL}/{found['id']}", {"window": words}).json()["window_seconds"] == seconds


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"max": "required", "window": "required"}),
        ({"max": 0, "window": "59s"}, {"max": "too_small", "window": "too_small"}),
        ({"max": 10_001, "window": "31d"}, {"max": "too_large", "window": "too_large"}),
        ({"max": "2", "window": "soon"}, {"max": "wrong_type", "window": "invalid"}),
        ({"max": True, "window": 3600.5}, {"max": "wrong_type", "window": "wrong_type"}),
        ({"max": 1, "window": -5, "type": "pigeon"}, {"type": "unknown_choice", "window": "too_small"}),
        ({"max": 1, "window": 10**18, "tag": "x" * 26}, {"window": "too_large", "tag": "too_long"}),
        ({"max": 1, "window": "24h", "per": "day"}, {"per": "unknown_field"}),
    ],
)
def test_every_error_is_named(api: Api, body: dict[str, Any], expected: dict[str, str]) -> None:
    answer = api.post(URL, body)
    assert answer.status_code == 422
    assert {error["field"]: error["code"] for error in answer.json()["errors"]} == expected


def test_the_same_rule_twice_is_refused(workspace: Workspace, api: Api) -> None:
    make_cap(workspace, type="email")
    answer = api.post(URL, {"type": "email", "max": 5, "window": "24h"})
    assert answer.json()["errors"][0]["code"] == "duplicate"


def test_a_tag_takes_the_spelling_it_has(workspace: Workspace, api: Api) -> None:
    Tag.objects.create(workspace=workspace, name="Sale")
    assert api.post(URL, {"tag": "sale", "max": 1, "window": "7d"}).json()["tag"] == "Sale"


def test_reads_lists_changes_and_deletes(workspace: Workspace, api: Api) -> None:
    cap = make_cap(workspace)
    assert [one["id"] for one in api.get(URL).json()["results"]] == [cap.pk]
    assert api.get(f"{URL}/{cap.pk}").json()["rule"] == "2 messages in 24 h"
    assert api.patch(f"{URL}/{cap.pk}", {"max": 3, "type": "push"}).json()["rule"] == "3 push in 24 h"
    assert api.delete(f"{URL}/{cap.pk}").status_code == 204
    assert not FrequencyCap.objects.exists()
    actions = AuditEntry.objects.filter(object_type="frequency_cap").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["changed", "deleted"]


def test_a_change_reports_shape_and_rule_together(workspace: Workspace, api: Api) -> None:
    cap = make_cap(workspace)
    answer = api.patch(f"{URL}/{cap.pk}", {"max": "3", "window": "1s"})
    assert {error["field"] for error in answer.json()["errors"]} == {"max", "window"}


def test_somebody_elses_is_not_found(other_workspace: Workspace, api: Api) -> None:
    cap = make_cap(other_workspace)
    assert api.get(URL).json()["results"] == []
    for method in ("GET", "PATCH", "DELETE"):
        assert api.request(method, f"{URL}/{cap.pk}", {}).status_code == 404
    assert FrequencyCap.objects.exists()


def test_fifty_rules_are_enough(workspace: Workspace, api: Api) -> None:
    FrequencyCap.objects.bulk_create(
        FrequencyCap(workspace=workspace, max=1, window_seconds=60 + place) for place in range(50)
    )
    assert api.post(URL, {"max": 1, "window": "7d"}).json()["errors"][0]["code"] == "too_many"


def test_reading_and_writing_need_their_scopes(workspace: Workspace) -> None:
    reader = Api.of(workspace, "caps:read")
    assert reader.get(URL).status_code == 200
    assert reader.post(URL, {"max": 1, "window": "7d"}).status_code == 403
    assert Api.of(workspace, "campaigns:read").get(URL).status_code == 403
