"""`retry-failed`, `deliveries/settle` and `batches` of the API."""

from typing import Any

import pytest

from audiences.models import Contact
from executions.models import Batch, Execution
from executions.states import BatchState, Outcome, State
from tests.api_client import Api
from tests.executions.ledger_rows import launched, make_batch, make_delivery
from tests.factories import make_campaign, make_contact, make_contacts, make_quarantined
from workspaces.models import Workspace
from workspaces.roles import Scope

pytestmark = pytest.mark.django_db
NOBODYS = "987654321-1-1"


@pytest.fixture
def people(workspace: Workspace) -> list[Contact]:
    return make_contacts(workspace, 3)


@pytest.fixture
def ended(workspace: Workspace, people: list[Contact]) -> Execution:
    """Finished: one sent, one failed, one unknown."""
    execution = launched(make_campaign(workspace), state=State.FINISHED, size=3)
    for contact, outcome in zip(people, (Outcome.SENT, Outcome.FAILED, Outcome.UNKNOWN), strict=True):
        make_delivery(execution, contact, contact.addresses.get(), outcome=outcome)
    make_batch(execution, 3, state=BatchState.CLOSED, sent=1, failed=1, unknown=1)
    return execution


def path(execution: Execution, rest: str = "") -> str:
    return f"/api/v1/executions/{execution.pk}{rest}"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    return body


def test_a_retry_is_answered_as_an_execution_and_linked_both_ways(api: Api, ended: Execution) -> None:
    assert api.get(path(ended)).json()["actions"] == ["retry-failed"]
    answer = api.post(path(ended, "/retry-failed"))
    made = answer.json()
    assert (answer.status_code, made["status"], made["state"]) == (200, "success", "planning")
    assert (made["retry_of"], made["message"]) == (ended.pk, "Retry accepted for delivery")
    first = api.get(path(ended)).json()
    assert (first["retried_by"], first["actions"]) == (made["execution_id"], [])


def test_asking_again_answers_the_same_retry(api: Api, ended: Execution) -> None:
    made = api.post(path(ended, "/retry-failed")).json()
    again = api.post(path(ended, "/retry-failed"), {"include": ["failed", "unknown"]}).json()
    assert again["execution_id"] == made["execution_id"]
    assert again["message"] == "It was retried already"
    assert again["audience"]["include"] == ["failed"]


def test_a_repeated_key_is_answered_as_before(api: Api, ended: Execution) -> None:
    for body in ({}, {"include": ["unknown", "failed", "failed"]}):
        headers = {"Idempotency-Key": f"key {body}"}
        answers = [api.post(path(ended, "/retry-failed"), body, headers=headers) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        assert answers[1]["Idempotent-Replayed"] == "true"


def test_the_unknown_can_be_included(api: Api, ended: Execution) -> None:
    made = api.post(path(ended, "/retry-failed"), {"include": ["unknown", "failed", "failed"]}).json()
    assert made["audience"]["include"] == ["failed", "unknown"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"include": []}, "include", "required"),
        ({"include": ["sent"]}, "include[0]", "unknown_choice"),
        ({"include": "failed"}, "include", "wrong_type"),
        ({"includes": ["failed"]}, "includes", "unknown_field"),
    ],
)
def test_a_strange_retry_is_refused(body: Any, field: str, code: str, api: Api, ended: Execution) -> None:
    found = problem(api.post(path(ended, "/retry-failed"), body), 422, "validation_error")
    assert [(error["field"], error["code"]) for error in found["errors"]] == [(field, code)]
    assert not Execution.objects.filter(retry_of=ended).exists()


def test_what_is_not_over_is_not_retried(api: Api, ended: Execution) -> None:
    Execution.objects.filter(pk=ended.pk).update(state=State.RUNNING)
    assert "is running" in problem(api.post(path(ended, "/retry-failed")), 409, "wrong_state")["detail"]


def test_where_nobody_failed_nothing_is_retried(api: Api, workspace: Workspace) -> None:
    execution = launched_and_over(workspace)
    problem(api.post(path(execution, "/retry-failed")), 409, "nothing_to_retry")


def launched_and_over(workspace: Workspace) -> Execution:
    make_contact(workspace)
    return launched(make_campaign(workspace), state=State.FINISHED, size=0)


def test_nobody_launches_to_a_retry_by_hand(api: Api, ended: Execution) -> None:
    body = {"audience": {"type": "retry", "execution_id": ended.pk, "include": ["failed"]}}
    found = problem(api.post(f"/api/v1/campaigns/{ended.campaign_id}/execute", body), 422, "validation_error")
    assert (found["errors"][0]["field"], found["errors"][0]["code"]) == ("audience.type", "unknown_choice")
    assert "retry-failed" in found["errors"][0]["hint"]


def unknown_id(execution: Execution, contact: Contact) -> str:
    return f"{execution.pk}-{contact.pk}-{contact.addresses.get().pk}"


def test_the_unknown_are_settled(api: Api, ended: Execution, people: list[Contact]) -> None:
    named = [unknown_id(ended, people[2])]
    answer = api.post(path(ended, "/deliveries/settle"), {"outcome": "sent", "delivery_ids": named, "note": "log"})
    assert answer.json() == {
        "status": "success",
        "message": "Deliveries settled as sent",
        "execution_id": ended.pk,
        "outcome": "sent",
        "settled": 1,
        "unchanged": 0,
        "unknown": 0,
    }
    counts = api.get(path(ended)).json()["counts"]
    assert counts == {"sent": 2, "skipped": 0, "failed": 1, "unknown": 0, "pending": 0}
    [row] = api.get(path(ended, f"/deliveries?external_id={people[2].external_id}")).json()["results"]
    assert row["outcome"] == "sent" and row["detail"].startswith("Settled by hand as sent by ")
    again = api.post(path(ended, "/deliveries/settle"), {"outcome": "sent", "delivery_ids": named}).json()
    assert (again["settled"], again["unchanged"]) == (0, 1)


def test_all_are_settled_and_then_retried(api: Api, ended: Execution) -> None:
    settled = api.post(path(ended, "/deliveries/settle"), {"outcome": "failed", "all": True}).json()
    assert (settled["settled"], settled["unknown"]) == (1, 0)
    assert api.get(path(ended)).json()["reasons"]["failed"] == {"settled": 1}
    assert api.post(path(ended, "/retry-failed")).status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"outcome", "delivery_ids"}),
        ({"outcome": "sent"}, {"delivery_ids"}),
        ({"outcome": "sent", "all": False}, {"delivery_ids"}),
        ({"outcome": "sent", "all": True, "delivery_ids": [NOBODYS]}, {"delivery_ids"}),
        ({"outcome": "sent", "delivery_ids": []}, {"delivery_ids"}),
        ({"outcome": "skipped", "all": True}, {"outcome"}),
        ({"outcome": "sent", "all": "yes"}, {"all"}),
        ({"outcome": "sent", "delivery_ids": [5]}, {"delivery_ids[0]"}),
        ({"outcome": "sent", "delivery_ids": [NOBODYS]}, {"delivery_ids[0]"}),
        ({"outcome": "sent", "delivery_ids": [NOBODYS] * 10_001}, {"delivery_ids"}),
        ({"outcome": "sent", "all": True, "note": "x" * 501}, {"note"}),
    ],
)
def test_a_strange_settling_is_refused(body: Any, fields: set[str], api: Api, ended: Execution) -> None:
    found = problem(api.post(path(ended, "/deliveries/settle"), body), 422, "validation_error")
    assert {error["field"] for error in found["errors"]} == fields
    assert found["detail"] == "Nothing was settled."
    assert api.get(path(ended)).json()["counts"]["unknown"] == 1


@pytest.fixture
def batch(workspace: Workspace, people: list[Contact]) -> Batch:
    execution = launched(make_campaign(workspace), state=State.RUNNING, size=4)
    make_batch(execution, 1, state=BatchState.CLOSED, sent=1)
    make_batch(execution, 0, state=BatchState.CLOSED, reason="settled")
    return make_quarantined(execution, people)


def test_batches_are_listed_by_state(api: Api, batch: Batch, people: list[Contact]) -> None:
    everything = api.get(path(batch.execution, "/batches")).json()["results"]
    assert [one["state"] for one in everything] == ["closed", "quarantined"]
    [found] = api.get(path(batch.execution, "/batches?state=quarantined")).json()["results"]
    assert (found["batch_id"], found["size"], found["left"], found["crashes"]) == (batch.pk, 3, 3, 3)
    assert [one["external_id"] for one in found["recipients"]] == [one.external_id for one in people]
    assert api.get(path(batch.execution, "/batches?state=odd")).status_code == 422


def test_an_execution_with_nothing_left_but_what_is_set_aside_says_so(api: Api, batch: Batch) -> None:
    found = api.get(path(batch.execution)).json()
    assert found["state_reason"]["code"] == "batch_set_aside"
    assert "Nobody else is left" in found["state_reason"]["message"]
    assert found["reasons"]["pending"] == {"set_aside": 3}


@pytest.mark.parametrize(
    ("move", "state", "message"),
    [
        ("release", "open", "Batch released"),
        ("narrow", "closed", "Batch narrowed down"),
        ("give-up", "closed", "Batch given up"),
    ],
)
def test_a_batch_is_moved_once(move: str, state: str, message: str, api: Api, batch: Batch) -> None:
    answer = api.post(path(batch.execution, f"/batches/{batch.pk}/{move}"))
    assert (answer.status_code, answer.json()["state"], answer.json()["message"]) == (200, state, message)
    found = problem(api.post(path(batch.execution, f"/batches/{batch.pk}/{move}")), 409, "wrong_state")
    assert f"is {state}" in found["detail"]


def test_reading_is_not_moving(workspace: Workspace, batch: Batch, ended: Execution) -> None:
    reader = Api.of(workspace, Scope.EXECUTIONS_READ)
    assert reader.get(path(batch.execution, "/batches")).status_code == 200
    for address in (
        path(batch.execution, f"/batches/{batch.pk}/release"),
        path(ended, "/deliveries/settle"),
        path(ended, "/retry-failed"),
    ):
        assert reader.post(address).status_code == 403
