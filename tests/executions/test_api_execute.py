"""`POST /api/v1/campaigns/{id}/execute` and `…/test` over HTTP."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from common.models import IdempotencyKey
from executions.launching.checks import database_time
from executions.models import Execution
from providers.models import SandboxMessage
from tests.api_client import Api
from tests.factories import (
    make_app,
    make_campaign,
    make_contact,
    make_contacts,
    make_draft_template,
    make_list,
    make_template,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
ALL = {"audience": {"type": "all"}}


def path(campaign: Any, action: str = "execute") -> str:
    return f"/api/v1/campaigns/{campaign if isinstance(campaign, int) else campaign.pk}/{action}"


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


def test_execute_answers_field_for_field(api: Api, workspace: Workspace) -> None:
    campaign, people = make_campaign(workspace), make_list(workspace, make_contacts(workspace, 2))
    body = {
        "audience": {"type": "list", "id": str(people.pk), "exclude": []},
        "frequency_capping": True,
        "personalization": {"offer": "20%"},
        "scheduled_for": None,
        "strict": False,
        "dry_run": False,
    }
    answer = api.post(path(campaign), body)
    execution = Execution.objects.get(campaign=campaign)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "message": "Campaign accepted for delivery",
        "campaign_id": campaign.pk,
        "execution_id": execution.pk,
        "state": "planning",
        "scheduled_for": None,
        "schedule": None,
        "cut_off": None,
        "audience": {"size": None, "accepted": None, "duplicates": 0, "rejected_count": 0, "rejected": []},
        "url": f"/api/v1/executions/{execution.pk}",
        "admin_url": f"/admin/executions/execution/{execution.pk}/live/",
    }
    assert execution.created_by["kind"] == "api_key"
    assert api.get(answer.json()["url"]).status_code == 200


def test_inline_contacts_are_reported_as_pinned(api: Api, workspace: Workspace) -> None:
    make_contact(workspace, external_id="user-1")
    body = {
        "audience": {
            "type": "contacts",
            "create_missing": True,
            "contacts": [
                {"external_id": "user-1", "personalization": {"coupon": "A1"}},
                {
                    "email": "ana@example.test",
                    "attributes": {"first_name": "Ana"},
                    "personalization": {"coupon": "B2"},
                },
                {"email": "not-an-address"},
            ],
        }
    }
    found = api.post(path(make_campaign(workspace)), body).json()["audience"]
    assert found == {
        "size": None,
        "accepted": 2,
        "duplicates": 0,
        "rejected_count": 1,
        "rejected": [
            {"index": 2, "field": "email", "code": "invalid_address", "message": '"not-an-address" has no @.'}
        ],
    }


def test_a_schedule_is_answered_in_utc(api: Api, workspace: Workspace) -> None:
    make_contact(workspace)
    day = database_time().date() + timedelta(days=40)
    answer = api.post(path(make_campaign(workspace)), {**ALL, "scheduled_for": f"{day}T09:30:00+05:30"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["scheduled_for"]) == ("scheduled", f"{day}T04:00:00Z")


def test_a_launch_may_say_how_many_messages_a_minute(api: Api, workspace: Workspace) -> None:
    make_contact(workspace)
    answer = api.post(path(make_campaign(workspace)), {**ALL, "rate_per_minute": 600})
    assert answer.status_code == 200, answer.content
    assert api.get(answer.json()["url"]).json()["rate_per_minute"] == 600


def test_where_approval_is_asked_for_execute_waits(api: Api, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=True)
    make_contact(workspace)
    answer = api.post(path(make_campaign(workspace)), ALL)
    assert (answer.status_code, answer.json()["state"]) == (200, "awaiting_approval")


def test_the_plan_is_enqueued_on_commit(
    api: Api, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    make_contact(workspace)
    published: list[tuple[Any, ...]] = []
    monkeypatch.setattr("executions.enqueue.publish", lambda *said, queue: published.append(said))
    with django_capture_on_commit_callbacks() as callbacks:
        answer = api.post(path(make_campaign(workspace)), ALL)
        assert published == []
    for callback in callbacks:
        callback()
    assert published == [("executions.plan", answer.json()["execution_id"])]


def test_a_foreign_and_an_absent_campaign_are_not_found(other_api: Api, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    for action in ("execute", "test"):
        for pk in (campaign.pk, 987654321, 10**17):
            assert other_api.post(path(pk, action), ALL).status_code in (404, 422)
            assert other_api.post(path(pk, action), {}).status_code == 404
    assert Execution.objects.count() == 0


def test_an_archived_campaign_and_one_executed_once_are_conflicts(api: Api, workspace: Workspace) -> None:
    make_contact(workspace)
    archived = make_campaign(workspace, state="archived")
    answer = api.post(path(archived), ALL)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    once = make_campaign(workspace, once=True)
    assert api.post(path(once), ALL).status_code == 200
    answer = api.post(path(once), ALL)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_executed")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"audience": "required"}),
        ({"audience": None}, {"audience": "required"}),
        ({**ALL, "frequency_capping": "on"}, {"frequency_capping": "wrong_type"}),
        ({**ALL, "strict": 1}, {"strict": "wrong_type"}),
        ({**ALL, "dry_run": "yes"}, {"dry_run": "wrong_type"}),
        ({**ALL, "personalization": ["offer"]}, {"personalization": "wrong_type"}),
        ({**ALL, "personalization": {"campaign": 1}}, {"personalization.campaign": "reserved"}),
        ({**ALL, "scheduled_for": "tomorrow"}, {"scheduled_for": "invalid_time"}),
        ({**ALL, "scheduled_for": "2030-01-01T00:00:00"}, {"scheduled_for": "offset_missing"}),
        ({**ALL, "scheduled_for": "2020-01-01T00:00:00Z"}, {"scheduled_for": "in_the_past"}),
        ({**ALL, "rate_per_minute": 0}, {"rate_per_minute": "out_of_range"}),
        ({**ALL, "rate_per_minute": 2**40}, {"rate_per_minute": "out_of_range"}),
        ({**ALL, "rate_per_minute": 1.5}, {"rate_per_minute": "wrong_type"}),
        ({**ALL, "scheduled_for": 5}, {"scheduled_for": "invalid_time"}),
        ({**ALL, "freqency_capping": True}, {"freqency_capping": "unknown_field"}),
        (
            {"audience": {"type": "any_of", "sources": [{"type": "list", "id": 1}, {"type": "segment", "id": 2}]}},
            {"audience.sources[0].id": "not_found", "audience.sources[1].id": "not_found"},
        ),
        (
            {"audience": {"type": "list", "id": "42x"}, "speed": 1},
            {"audience.id": "wrong_type", "speed": "unknown_field"},
        ),
    ],
)
def test_every_wrong_field_is_named_at_once(
    api: Api, workspace: Workspace, body: dict[str, Any], expected: dict[str, str]
) -> None:
    make_contact(workspace)
    answer = api.post(path(make_campaign(workspace)), body)
    assert errors(answer) == expected
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "Nothing was launched."
    assert Execution.objects.count() == 0


def test_an_empty_source_is_audience_empty(api: Api, workspace: Workspace) -> None:
    answer = api.post(path(make_campaign(workspace)), {"audience": {"type": "list", "id": make_list(workspace).pk}})
    assert errors(answer) == {"audience": "audience_empty"}
    assert answer.json()["code"] == "audience_empty"


def test_template_errors_come_with_the_others(api: Api, workspace: Workspace) -> None:
    campaign = make_campaign(workspace, template=make_draft_template(workspace))
    found = errors(api.post(path(campaign), {"audience": {"type": "list", "id": 5}, "strict": "no"}))
    assert found == {"strict": "wrong_type", "template_id": "not_published", "audience.id": "not_found"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b'{"audience": {"type": "a\\u0000b"}}', 400),
        (b'{"audience": {"type": "list", "id": 99999999999999999999999999}}', 400),
        (b'{"audience": ' + b"[" * 100 + b"]" * 100 + b"}", 400),
        (b'{"audience": {"type": "contacts", "contacts": [{"email": "\\ud800@x.test"}]}}', 400),
        (b'{"audience": {"type": "contacts", "contacts": [{"email": {"a": 1}}]}}', 422),
        (b'{"audience": {"type": {"a": 1}}}', 422),
        (b'{"audience": {"type": "list", "id": {"a": 1}}}', 422),
        (b'{"audience": {"type": "list", "id": 1.5}}', 422),
        (b'{"audience": {"type": "all"}, "personalization": 5}', 422),
    ],
)
def test_a_bad_body_is_never_a_server_error(api: Api, workspace: Workspace, body: bytes, status: int) -> None:
    make_contact(workspace)
    assert api.post(path(make_campaign(workspace)), body).status_code == status
    assert Execution.objects.count() == 0


def test_a_dry_run_writes_nothing_and_stores_no_answer(api: Api, workspace: Workspace) -> None:
    make_contacts(workspace, 2)
    campaign = make_campaign(workspace)
    answer = api.post(path(campaign), {**ALL, "dry_run": True}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["dry_run"], answer.json()["would_send"]) == (True, 2)
    assert answer.json()["computed_at"].endswith("Z")
    assert (Execution.objects.count(), IdempotencyKey.objects.count()) == (0, 0)
    assert api.post(path(campaign), ALL, headers={"Idempotency-Key": "k"}).status_code == 200


def test_a_dry_run_names_wrong_fields_too(api: Api, workspace: Workspace) -> None:
    found = errors(api.post(path(make_campaign(workspace)), {"audience": {"type": "list", "id": 5}, "dry_run": True}))
    assert found == {"audience.id": "not_found"}


def test_the_same_key_answers_the_same_execution(api: Api, workspace: Workspace) -> None:
    make_contact(workspace)
    campaign, key = make_campaign(workspace), {"Idempotency-Key": "launch-1"}
    first = api.post(path(campaign), ALL, headers=key)
    again = api.post(f"{path(campaign)}/", ALL, headers=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert errors(api.post(path(campaign), {**ALL, "strict": True}, headers=key)) == {"Idempotency-Key": "key_reused"}
    assert Execution.objects.count() == 1


def test_without_a_key_a_second_execute_is_a_second_execution(api: Api, workspace: Workspace) -> None:
    make_contact(workspace)
    campaign = make_campaign(workspace)
    assert api.post(path(campaign), ALL).json()["execution_id"] != api.post(path(campaign), ALL).json()["execution_id"]


def at_once(count: int, ask: Any) -> list[Any]:
    """Answers of as many threads, each with a connection of its own."""
    answers: list[Any] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            answers.append(ask())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_with_one_key_make_one_execution(workspace: Workspace) -> None:
    make_contact(workspace)
    campaign, key = make_campaign(workspace), Api.of(workspace).key
    answers = at_once(50, lambda: Api(key).post(path(campaign), ALL, headers={"Idempotency-Key": "one"}))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"key_in_progress"}
    ids = {answer.json()["execution_id"] for answer in answers if answer.status_code == 200}
    assert len(ids) == 1
    assert Execution.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_campaign_that_is_once_raced_by_ten_has_one_execution(workspace: Workspace) -> None:
    make_contact(workspace)
    campaign, key = make_campaign(workspace, once=True), Api.of(workspace).key
    answers = at_once(10, lambda: Api(key).post(path(campaign), ALL))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 9]
    assert Execution.objects.count() == 1


def test_execute_needs_its_scope(workspace: Workspace) -> None:
    make_contact(workspace)
    campaign = make_campaign(workspace)
    for action in ("execute", "test"):
        assert (
            Api.of(workspace, "campaigns:write", "executions:read").post(path(campaign, action), ALL).status_code == 403
        )
        assert Api(None).post(path(campaign, action), ALL).status_code == 401
        assert Api.of(workspace).get(path(campaign, action)).status_code == 405
    assert Api.of(workspace, "executions:launch").post(path(campaign), ALL).status_code == 200


def test_a_silent_broker_does_not_fail_the_call(
    api: Api, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    make_contact(workspace)

    def fail(*_: object, queue: str) -> None:
        raise ConnectionError

    monkeypatch.setattr("executions.enqueue.publish", fail)
    with django_capture_on_commit_callbacks(execute=True):
        assert api.post(path(make_campaign(workspace)), ALL).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_test_send_goes_to_the_addresses_named_and_nowhere_else(api: Api, workspace: Workspace) -> None:
    contact = make_contact(workspace, attributes={"first_name": "Ana"})
    campaign = make_campaign(workspace)
    body = {"addresses": ["Me@example.test", "you@example.test"], "external_id": contact.external_id}
    answer = api.post(path(campaign, "test"), body)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["status"], answer.json()["message"]) == ("success", "Test sent")
    assert [(one["address"], one["ok"]) for one in answer.json()["results"]] == [
        ("me@example.test", True),
        ("you@example.test", True),
    ]
    sent = SandboxMessage.objects.filter(workspace_id=workspace.pk).order_by("id")
    assert [message.address for message in sent] == ["me@example.test", "you@example.test"]
    assert "Hello Ana" in sent[0].content["subject"]
    assert Execution.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_test_of_a_push_goes_to_tokens(api: Api, workspace: Workspace) -> None:
    app, second = make_app(workspace), make_app(workspace)
    campaign = make_campaign(workspace, "push", apps=[app, second])
    given = {"first_name": "Ana", "offer": "20%"}
    for app_id, expected in ((None, app.app_id), (second.app_id, second.app_id)):
        body = {"addresses": ["token-x"], "app_id": app_id, "personalization": given}
        assert api.post(path(campaign, "test"), body).status_code == 200
        message = SandboxMessage.objects.filter(workspace_id=workspace.pk).latest("id")
        assert (message.app_id, message.address, message.content["body"]) == (expected, "token-x", "20% off")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"addresses": "required"}),
        ({"addresses": "me@example.test"}, {"addresses": "wrong_type"}),
        ({"addresses": [f"a{n}@example.test" for n in range(11)]}, {"addresses": "too_many"}),
        ({"addresses": ["nope"]}, {"addresses[0]": "invalid_address"}),
        ({"addresses": ["a@example.test"], "external_id": "stranger"}, {"external_id": "not_found"}),
        ({"addresses": ["a@example.test"], "personalization": {"event": 1}}, {"personalization.event": "reserved"}),
        ({"addresses": ["a@example.test"], "to": 1}, {"to": "unknown_field"}),
    ],
)
def test_what_is_wrong_with_a_test_send_is_named(
    api: Api, workspace: Workspace, body: dict[str, Any], expected: dict[str, str]
) -> None:
    assert errors(api.post(path(make_campaign(workspace), "test"), body)) == expected


def test_a_test_send_names_an_app_of_the_campaign(api: Api, workspace: Workspace) -> None:
    campaign = make_campaign(workspace, "push")
    found = errors(api.post(path(campaign, "test"), {"addresses": ["t"], "app_id": make_app(workspace).app_id}))
    assert found == {"app_id": "not_found"}


def test_a_test_send_without_a_variable_is_refused(api: Api, workspace: Workspace) -> None:
    template = make_template(workspace, sample={})
    answer = api.post(path(make_campaign(workspace, template=template), "test"), {"addresses": ["a@example.test"]})
    assert errors(answer) == {"template_id": "missing_variable"}
