"""Pause, resume and cancel by API, with the work done in between: nobody lost, nobody twice, every count right."""

from collections import Counter
from typing import Any

import pytest

from executions.delivery import planning
from executions.models import Batch, Delivery, Execution
from executions.states import Outcome
from providers.models import SandboxMessage
from tests.api_client import Api
from tests.executions.work import drain_all, sweep_all
from tests.factories import make_campaign, make_contact, make_contacts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def execution_id(api: Api, workspace: Workspace) -> int:
    """To three who can be reached and one who can't."""
    make_contacts(workspace, 3)
    make_contact(workspace, email=None)
    answer = api.post(f"/api/v1/campaigns/{make_campaign(workspace).pk}/execute", {"audience": {"type": "all"}})
    number: int = answer.json()["execution_id"]
    return number


def read(api: Api, execution_id: int) -> dict[str, Any]:
    body: dict[str, Any] = api.get(f"/api/v1/executions/{execution_id}").json()
    if body["size"] is not None:
        assert sum(body["counts"].values()) == body["size"]
    return body


def move(api: Api, execution_id: int, name: str) -> str:
    state: str = api.post(f"/api/v1/executions/{execution_id}/{name}").json()["state"]
    return state


def test_a_paused_execution_hands_nothing_over_until_it_is_resumed(api: Api, execution_id: int) -> None:
    planning.plan(execution_id)
    assert move(api, execution_id, "pause") == "paused"
    sweep_all()
    body = read(api, execution_id)
    assert body["counts"] == {"sent": 0, "skipped": 1, "failed": 0, "unknown": 0, "pending": 3}
    assert (body["actions"], body["rate_per_second"]) == (["resume", "cancel"], 0.0)
    assert SandboxMessage.objects.filter(execution_id=execution_id).count() == 0
    assert move(api, execution_id, "resume") == "running"
    sweep_all()
    body = read(api, execution_id)
    assert (body["state"], body["progress"], body["actions"]) == ("finished", 1.0, [])
    assert body["counts"] == {"sent": 3, "skipped": 1, "failed": 0, "unknown": 0, "pending": 0}
    assert body["reasons"] == {"skipped": {"unreachable": 1}, "failed": {}, "pending": {}}
    assert body["finished_at"] is not None


def test_paused_before_planning_it_goes_on_with_planning(api: Api, execution_id: int) -> None:
    move(api, execution_id, "pause")
    sweep_all()
    assert read(api, execution_id)["size"] is None
    assert move(api, execution_id, "resume") == "planning"
    sweep_all()
    assert read(api, execution_id)["counts"]["sent"] == 3


def test_cancelled_while_running_everyone_left_is_in_the_ledger(api: Api, execution_id: int) -> None:
    planning.plan(execution_id)
    assert move(api, execution_id, "cancel") == "cancelled"
    pending = read(api, execution_id)
    assert (pending["counts"]["pending"], pending["finished_at"]) == (3, None)
    sweep_all()
    body = read(api, execution_id)
    assert (body["state"], body["counts"]["pending"]) == ("cancelled", 0)
    assert body["reasons"]["skipped"] == {"unreachable": 1, "cancelled": 3}
    assert body["finished_at"] is not None
    assert SandboxMessage.objects.filter(execution_id=execution_id).count() == 0


def test_cancelled_before_planning_everyone_is_in_the_ledger_too(api: Api, execution_id: int) -> None:
    move(api, execution_id, "cancel")
    sweep_all()
    body = read(api, execution_id)
    assert (body["state"], body["size"]) == ("cancelled", 4)
    assert body["reasons"]["skipped"] == {"unreachable": 1, "cancelled": 3}


def test_pausing_and_resuming_over_and_over_sends_each_once(api: Api, execution_id: int, workspace: Workspace) -> None:
    planning.plan(execution_id)
    execution = Execution.objects.get(pk=execution_id)
    for _ in range(5):
        move(api, execution_id, "pause")
        drain_all(execution)
        move(api, execution_id, "resume")
    drain_all(execution)
    sent = Counter(SandboxMessage.objects.filter(execution_id=execution_id).values_list("address", flat=True))
    assert sorted(sent.values()) == [1, 1, 1]
    rows = Delivery.objects.filter(launched_on=execution.launched_on, execution_id=execution_id)
    assert Counter(rows.values_list("outcome", flat=True)) == {Outcome.SENT: 3, Outcome.SKIPPED: 1}
    assert not Batch.objects.filter(execution_id=execution_id, lease_token__isnull=False).exists()
