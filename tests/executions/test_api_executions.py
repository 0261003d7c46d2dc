"""`/api/v1/executions`: reading, filtering, moving, and the ledger."""

import csv
import io
from typing import Any

import pytest

from executions.models import Execution
from executions.states import BatchState, Outcome
from tests.api_client import Api
from tests.executions.ledger_rows import launched, make_batch, make_delivery, make_receipt
from tests.factories import make_address, make_app, make_campaign, make_contact, make_contacts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
FIELDS = {
    "execution_id",
    "campaign_id",
    "campaign_name",
    "type",
    "state",
    "state_reason",
    "template_id",
    "template_version",
    "audience",
    "frequency_capping",
    "rate_per_minute",
    "personalization",
    "trigger",
    "retry_of",
    "retried_by",
    "size",
    "counts",
    "reasons",
    "waiting",
    "receipts",
    "progress",
    "rate_per_second",
    "eta_seconds",
    "actions",
    "created_by",
    "created_at",
    "scheduled_for",
    "schedule",
    "schedule_id",
    "cut_off",
    "started_at",
    "finished_at",
}


@pytest.fixture
def execution(workspace: Workspace) -> Execution:
    make_contact(workspace)
    return launched(make_campaign(workspace, tags=["Sale"]), state="running", size=10, planned_skips={"unreachable": 1})


def results(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_an_execution_is_read_field_for_field(api: Api, execution: Execution) -> None:
    make_batch(execution, 9, sent=5, failed=1, reasons={"failed": {"rejected": 1}})
    answer = api.get(f"/api/v1/executions/{execution.pk}")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == FIELDS
    assert body["execution_id"] == execution.pk
    assert body["counts"] == {"sent": 5, "skipped": 1, "failed": 1, "unknown": 0, "pending": 3}
    assert body["reasons"] == {"skipped": {"unreachable": 1}, "failed": {"rejected": 1}, "pending": {"ready": 3}}
    assert body["audience"] == {"type": "all", "exclude": []}
    assert (body["template_id"], body["template_version"]) == (execution.template_version.template_id, 1)
    assert body["actions"] == ["pause", "cancel"]
    assert body["created_by"] == {"kind": "system", "name": "Volley"}
    assert body["created_at"].endswith("Z")


@pytest.mark.parametrize("path", ["", "/deliveries"])
def test_a_foreign_and_an_absent_execution_are_not_found(other_api: Api, execution: Execution, path: str) -> None:
    for pk in (execution.pk, 987654321, 10**17):
        answer = other_api.get(f"/api/v1/executions/{pk}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("move", ["pause", "resume", "cancel"])
def test_a_foreign_and_an_absent_execution_cannot_be_moved(other_api: Api, execution: Execution, move: str) -> None:
    for pk in (execution.pk, 987654321):
        assert other_api.post(f"/api/v1/executions/{pk}/{move}").status_code == 404
    assert Execution.objects.get(pk=execution.pk).state == "running"


def test_moves_answer_the_execution_and_may_be_asked_for_again(api: Api, execution: Execution) -> None:
    for move, message, state in (
        ("pause", "Execution paused", "paused"),
        ("pause", "Execution paused", "paused"),
        ("resume", "Execution resumed", "running"),
        ("cancel", "Execution cancelled", "cancelled"),
        ("cancel", "Execution cancelled", "cancelled"),
    ):
        answer = api.post(f"/api/v1/executions/{execution.pk}/{move}")
        assert answer.status_code == 200, answer.content
        body = answer.json()
        assert set(body) == {*FIELDS, "status", "message"}
        assert (body["status"], body["message"], body["state"]) == ("success", message, state)


def test_a_move_from_the_wrong_state_is_a_conflict_that_names_it(api: Api, execution: Execution) -> None:
    Execution.objects.filter(pk=execution.pk).update(state="finished")
    answer = api.post(f"/api/v1/executions/{execution.pk}/pause/")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "is finished" in answer.json()["detail"]


def test_executions_are_listed_newest_first_in_pages(api: Api, execution: Execution, workspace: Workspace) -> None:
    more = [launched(execution.campaign) for _ in range(2)]
    newest_first = [more[1].pk, more[0].pk, execution.pk]
    assert [one["execution_id"] for one in results(api.get("/api/v1/executions"))] == newest_first
    first = api.get("/api/v1/executions?limit=2").json()
    assert [one["execution_id"] for one in first["results"]] == newest_first[:2]
    assert first["previous"] is None
    second = api.get(first["next"]).json()
    assert [one["execution_id"] for one in second["results"]] == newest_first[2:]
    assert second["next"] is None
    back = api.get(second["previous"]).json()
    assert [one["execution_id"] for one in back["results"]] == newest_first[:2]


def test_the_list_is_filtered(api: Api, execution: Execution, workspace: Workspace) -> None:
    push = launched(make_campaign(workspace, "push", tags=["Brand"]), state="cancelling")
    sms = launched(make_campaign(workspace, "sms"), state="cancelled")
    for query, expected in (
        (f"campaign={execution.campaign_id}", [execution.pk]),
        ("state=running", [execution.pk]),
        ("state=cancelled", [sms.pk, push.pk]),
        ("type=apn", [push.pk]),
        ("type=email&state=running", [execution.pk]),
        ("tag=sale", [execution.pk]),
        ("tag=Brand", [push.pk]),
        ("tag=nobody", []),
        ("campaign=987654321", []),
    ):
        assert [one["execution_id"] for one in results(api.get(f"/api/v1/executions?{query}"))] == expected, query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("campaign=x", "campaign"),
        ("state=flying", "state"),
        ("state=cancelling", "state"),
        ("type=pigeon", "type"),
        ("status=running", "status"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=nonsense", "cursor"),
        ("tag=%00", "tag"),
    ],
)
def test_a_bad_filter_is_named(api: Api, query: str, field: str) -> None:
    answer = api.get(f"/api/v1/executions?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_others_see_none_of_it(other_api: Api, execution: Execution) -> None:
    assert results(other_api.get("/api/v1/executions")) == []


def test_the_list_takes_the_same_queries_however_long(
    api: Api, execution: Execution, django_assert_num_queries: Any
) -> None:
    for _ in range(4):
        make_batch(launched(execution.campaign), 3)
    api.get("/api/v1/executions")
    # The key, the executions, their batches, their receipts.
    with django_assert_num_queries(5):
        assert len(results(api.get("/api/v1/executions"))) == 5


@pytest.fixture
def ledger(execution: Execution, workspace: Workspace) -> list[str]:
    """Five deliveries; their ids in order."""
    make_batch(execution, 5, sent=3, skipped=1, failed=1, state=BatchState.CLOSED)
    rows = []
    for contact in make_contacts(workspace, 3):
        rows.append(make_delivery(execution, contact, contact.addresses.get(), provider_response="250 Ok"))
    make_receipt(rows[0], "opened")
    nobody = make_contact(workspace, email=None, external_id="=1+1")
    rows.append(make_delivery(execution, nobody, outcome=Outcome.SKIPPED, reason="unreachable"))
    bad = make_contact(workspace)
    rows.append(
        make_delivery(
            execution,
            bad,
            bad.addresses.get(),
            outcome=Outcome.FAILED,
            reason="rejected",
            attempts=1,
            provider_id=execution.provider_id,
        )
    )
    return [f"{row.execution_id}-{row.contact_id}-{row.address_id}" for row in rows]


def test_deliveries_are_listed_field_for_field(api: Api, execution: Execution, ledger: list[str]) -> None:
    found = results(api.get(f"/api/v1/executions/{execution.pk}/deliveries"))
    assert [row["delivery_id"] for row in found] == ledger
    sent, unreachable, failed = found[0], found[3], found[4]
    assert sent | {"recorded_at": "", "receipts": [], "address": "", "external_id": ""} == {
        "delivery_id": ledger[0],
        "execution_id": execution.pk,
        "campaign_id": execution.campaign_id,
        "external_id": "",
        "type": "email",
        "app_id": None,
        "address": "",
        "outcome": "sent",
        "reason": None,
        "detail": None,
        "template_version": 1,
        "variant": None,
        "attempts": 1,
        "provider": execution.provider.name,
        "provider_message_id": f"{ledger[0]}@127.0.0.1",
        "provider_response": "250 Ok",
        "sent_at": "2026-11-23T10:00:02Z",
        "recorded_at": "",
        "receipts": [],
    }
    assert sent["external_id"].startswith("user-") and sent["address"].endswith("@example.test")
    assert sent["receipts"] == [{"kind": "opened", "at": "2026-11-23T10:00:02Z", "data": {}}]
    assert (unreachable["outcome"], unreachable["reason"]) == ("skipped", "unreachable")
    assert [unreachable[name] for name in ("address", "sent_at", "provider", "provider_message_id")] == [None] * 4
    assert (failed["outcome"], failed["reason"], failed["provider_message_id"]) == ("failed", "rejected", None)


def test_a_push_delivery_names_its_app(api: Api, workspace: Workspace) -> None:
    app = make_app(workspace, "shop-android")
    contact = make_contact(workspace, email=None)
    address = make_address(contact, "push", app=app, value="token-x")
    execution = launched(make_campaign(workspace, "push", apps=[app]))
    delivery = make_delivery(execution, contact, address)
    (row,) = results(api.get(f"/api/v1/executions/{execution.pk}/deliveries"))
    assert (row["app_id"], row["address"]) == ("shop-android", "token-x")
    assert row["provider_message_id"] == f"{execution.pk}-{delivery.contact_id}-{delivery.address_id}"


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("outcome=sent", [0, 1, 2]),
        ("outcome=skipped", [3]),
        ("reason=rejected", [4]),
        ("outcome=sent&reason=rejected", []),
        ("external_id=nobody", []),
        ("external_id=%3D1%2B1", [3]),
    ],
)
def test_deliveries_are_filtered(
    api: Api, execution: Execution, ledger: list[str], query: str, places: list[int]
) -> None:
    found = results(api.get(f"/api/v1/executions/{execution.pk}/deliveries?{query}"))
    assert [row["delivery_id"] for row in found] == [ledger[place] for place in places]


def test_deliveries_come_in_pages_both_ways(api: Api, execution: Execution, ledger: list[str]) -> None:
    path: str | None = f"/api/v1/executions/{execution.pk}/deliveries?limit=2"
    seen, page = [], {}
    while path:
        page = api.get(path).json()
        seen.append([row["delivery_id"] for row in page["results"]])
        path = page["next"]
    assert seen == [ledger[:2], ledger[2:4], ledger[4:]]
    assert [row["delivery_id"] for row in api.get(page["previous"]).json()["results"]] == ledger[2:4]


@pytest.mark.parametrize("asked", [{"query": "?format=csv"}, {"headers": {"Accept": "text/csv"}}])
def test_deliveries_are_exported_as_csv(
    api: Api, execution: Execution, ledger: list[str], asked: dict[str, Any]
) -> None:
    path = f"/api/v1/executions/{execution.pk}/deliveries{asked.get('query', '')}"
    answer = api.get(path, headers=asked.get("headers"))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["delivery_id"] for row in rows] == ledger
    assert rows[0]["sent_at"] == "2026-11-23T10:00:02Z"
    assert rows[3]["external_id"] == "'=1+1"
    assert rows[3]["address"] == ""


def test_a_csv_has_all_pages(
    api: Api, execution: Execution, ledger: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.reading.deliveries.EXPORT_PAGE", 2)
    answer = api.get(f"/api/v1/executions/{execution.pk}/deliveries?format=csv&outcome=sent")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["delivery_id", *ledger[:3]]


@pytest.mark.parametrize(
    ("query", "field"), [("outcome=lost", "outcome"), ("colour=red", "colour"), ("cursor=WzAsMV0", "cursor")]
)
def test_a_bad_filter_of_deliveries_is_named(api: Api, execution: Execution, query: str, field: str) -> None:
    answer = api.get(f"/api/v1/executions/{execution.pk}/deliveries?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_unknown_format_is_no_server_error(api: Api, execution: Execution) -> None:
    path = f"/api/v1/executions/{execution.pk}/deliveries"
    assert api.get(f"{path}?format=xml").status_code in (404, 406)
    assert api.get(path, headers={"Accept": "application/pdf"}).status_code == 406


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/{id}"),
        ("GET", "/{id}/deliveries"),
        ("POST", "/{id}/pause"),
        ("POST", "/{id}/resume"),
        ("POST", "/{id}/cancel"),
    ],
)
def test_a_key_needs_the_scope(workspace: Workspace, execution: Execution, method: str, path: str) -> None:
    address = f"/api/v1/executions{path.format(id=execution.pk)}"
    assert Api.of(workspace, "campaigns:write").request(method, address).status_code == 403
    assert Api(None).request(method, address).status_code == 401
    reader = Api.of(workspace, "executions:read").request(method, address).status_code
    assert reader == (200 if method == "GET" else 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_executions_are_not_written_by_hand(api: Api, execution: Execution, method: str) -> None:
    for path in ("", f"/{execution.pk}", f"/{execution.pk}/deliveries"):
        assert api.request(method, f"/api/v1/executions{path}", {}).status_code == 405


def test_one_execution_and_its_ledger_take_few_queries(
    api: Api, execution: Execution, ledger: list[str], django_assert_num_queries: Any
) -> None:
    path = f"/api/v1/executions/{execution.pk}"
    api.get(path)
    # The key, the execution, then its batches, receipts and retry; or the page of the ledger and its receipts.
    for address, queries in ((path, 5), (f"{path}/deliveries", 4)):
        with django_assert_num_queries(queries):
            assert api.get(address).status_code == 200
