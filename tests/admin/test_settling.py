"""Retrying, settling and the quarantine in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audiences.models import Contact
from executions.models import Batch, Execution
from executions.states import BatchState, Outcome, State
from tests.admin.conftest import signed_in
from tests.executions.ledger_rows import launched, make_batch, make_delivery
from tests.executions.rows import ledger
from tests.factories import make_campaign, make_contacts, make_member, make_quarantined
from workspaces.models import AuditEntry, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
QUARANTINE = "/admin/executions/execution/quarantine/"


def base(execution: Execution) -> str:
    return f"/admin/executions/execution/{execution.pk}/"


@pytest.fixture
def people(workspace: Workspace) -> list[Contact]:
    return make_contacts(workspace, 4)


@pytest.fixture
def ended(workspace: Workspace, people: list[Contact]) -> Execution:
    """Finished: one sent, one failed, two unknown."""
    execution = launched(make_campaign(workspace), state=State.FINISHED, size=4)
    outcomes = (Outcome.SENT, Outcome.FAILED, Outcome.UNKNOWN, Outcome.UNKNOWN)
    for contact, outcome in zip(people, outcomes, strict=True):
        make_delivery(execution, contact, contact.addresses.get(), outcome=outcome)
    make_batch(execution, 4, state=BatchState.CLOSED, sent=1, failed=1, unknown=2)
    return execution


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def test_the_live_page_offers_what_is_left_to_do(staff: Staff, ended: Execution) -> None:
    page = staff(Role.LAUNCHER).get(f"{base(ended)}live/").content.decode()
    assert f'href="{base(ended)}retry/"' in page and f'href="{base(ended)}deliveries/?outcome=unknown"' in page
    state = staff(Role.LAUNCHER).get(f"{base(ended)}progress/").json()
    assert (state["may_retry"], state["to_retry"], state["to_settle"], state["set_aside"]) == (True, 1, 2, 0)
    assert f'href="{base(ended)}retry/"' not in staff(Role.VIEWER).get(f"{base(ended)}live/").content.decode()


def test_a_retry_is_asked_for_and_linked_both_ways(staff: Staff, ended: Execution) -> None:
    client = staff(Role.LAUNCHER)
    asked = client.get(f"{base(ended)}retry/")
    assert asked.context["counts"] == {"failed": 1, "unknown": 2}
    answer = client.post(f"{base(ended)}retry/", {"include": ["failed", "unknown"]})
    made = Execution.objects.get(retry_of=ended)
    assert answer["Location"] == f"{base(made)}live/"
    assert made.audience["include"] == ["failed", "unknown"]
    assert f"{base(ended)}live/" in client.get(f"{base(made)}live/").content.decode()
    page = client.get(f"{base(ended)}live/")
    assert f"{base(made)}live/" in page.content.decode()
    assert page.context["state"]["may_retry"] is False
    assert "Who is failed or unknown in execution" in client.get(f"{base(made)}live/").content.decode()
    assert client.get(f"{base(ended)}retry/")["Location"] == f"{base(made)}live/"


def test_a_second_retry_leads_to_the_first(staff: Staff, ended: Execution) -> None:
    client = staff(Role.LAUNCHER)
    answers = [client.post(f"{base(ended)}retry/", {}, follow=True) for _ in range(2)]
    assert "retried already" in said(answers[1])
    assert Execution.objects.filter(retry_of=ended).count() == 1


@pytest.mark.parametrize("state", [State.RUNNING, State.CANCELLING])
def test_what_is_not_over_is_not_retried(state: State, staff: Staff, ended: Execution) -> None:
    Execution.objects.update(state=state)
    client = staff(Role.LAUNCHER)
    assert b"when it is finished or cancelled" in client.get(f"{base(ended)}retry/").content
    assert "only a finished or a cancelled one" in said(client.post(f"{base(ended)}retry/", {}, follow=True))


def test_nothing_is_retried_where_nobody_failed(staff: Staff, ended: Execution, workspace: Workspace) -> None:
    other = launched(make_campaign(workspace), state=State.FINISHED, size=0)
    assert b"Nobody is left" in staff(Role.LAUNCHER).get(f"{base(other)}retry/").content


def unknown_ids(execution: Execution) -> list[str]:
    return [f"{execution.pk}-{row[0]}-{row[1]}" for row in ledger(execution) if row[2] == "unknown"]


def test_only_unknown_deliveries_can_be_chosen_by_those_who_may(staff: Staff, ended: Execution) -> None:
    path = f"{base(ended)}deliveries/"
    launcher = staff(Role.LAUNCHER)
    assert launcher.get(f"{path}?outcome=unknown").content.count(b'name="delivery"') == 2
    assert b'name="delivery"' not in launcher.get(path).content
    assert b'name="delivery"' not in staff(Role.VIEWER).get(f"{path}?outcome=unknown").content


def test_settling_is_confirmed_first(staff: Staff, ended: Execution) -> None:
    client, [first, _] = staff(Role.LAUNCHER), unknown_ids(ended)
    body = {"outcome": "failed", "delivery": [first]}
    asked = client.post(f"{base(ended)}settle/", body)
    assert b"Settle 1 as failed" in asked.content and first.encode() in asked.content
    assert len(unknown_ids(ended)) == 2
    answer = client.post(f"{base(ended)}settle/", {**body, "confirmed": "1", "note": " lost\n by it "}, follow=True)
    assert said(answer) == "1 delivery was settled as failed. Still unknown: 1."
    assert len(unknown_ids(ended)) == 1
    assert AuditEntry.objects.get(action="settled").details["note"] == "lost by it"


def test_all_are_settled(staff: Staff, ended: Execution) -> None:
    client = staff(Role.LAUNCHER)
    assert b"Settle 2 as sent" in client.post(f"{base(ended)}settle/", {"outcome": "sent", "all": "1"}).content
    answer = client.post(f"{base(ended)}settle/", {"outcome": "sent", "all": "1", "confirmed": "1"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{base(ended)}live/"
    assert unknown_ids(ended) == []


def test_the_page_says_in_which_retry_a_failed_one_will_be(staff: Staff, ended: Execution) -> None:
    client = staff(Role.LAUNCHER)
    client.post(f"{base(ended)}retry/", {})
    made = Execution.objects.get(retry_of=ended)
    asked = client.post(f"{base(ended)}settle/", {"outcome": "failed", "all": "1"})
    assert f"{base(made)}retry/" in asked.content.decode()


def test_strange_settlings_settle_nothing(staff: Staff, ended: Execution) -> None:
    client, path = staff(Role.LAUNCHER), f"{base(ended)}settle/"
    assert client.post(path, {"outcome": "skipped", "all": "1"}).status_code == 400
    assert "Choose deliveries first" in said(client.post(path, {"outcome": "sent"}, follow=True))
    for strange in ("x", f"{ended.pk + 1}-1-1", "\0", "٣"):
        body = {"outcome": "sent", "delivery": [strange], "confirmed": "1"}
        assert "no such delivery" in said(client.post(path, body, follow=True))
    assert len(unknown_ids(ended)) == 2


def test_viewers_settle_and_retry_nothing(staff: Staff, ended: Execution) -> None:
    client = staff(Role.EDITOR)
    assert client.post(f"{base(ended)}settle/", {"outcome": "sent", "all": "1", "confirmed": "1"}).status_code == 403
    assert client.post(f"{base(ended)}retry/", {}).status_code == 403
    assert client.get(f"{base(ended)}retry/").status_code == 403


@pytest.fixture
def batch(workspace: Workspace, people: list[Contact]) -> Batch:
    execution = launched(make_campaign(workspace, name="Set aside"), state=State.RUNNING, size=4)
    made = make_quarantined(execution, people)
    made.worker_crashes.create(workspace_id=workspace.pk, host="worker-1", first=0, stop=3, words="no memory")
    return made


def test_the_quarantine_shows_every_batch_that_is_set_aside(
    staff: Staff, batch: Batch, people: list[Contact], other_workspace: Workspace
) -> None:
    strangers = make_contacts(other_workspace, 1)
    foreign = launched(make_campaign(other_workspace), state=State.RUNNING)
    make_quarantined(foreign, strangers)
    page = staff(Role.VIEWER).get(QUARANTINE)
    [row] = page.context["rows"]
    assert (row["batch_id"], row["left"]) == (batch.pk, 4)
    text = page.content.decode()
    assert "worker-1" in text and "no memory" in text and str(people[0].external_id) in text
    assert 'name="move"' not in text
    assert staff(Role.VIEWER).get(f"{QUARANTINE}?execution={foreign.pk}").context["rows"] == []


def test_the_live_page_leads_there(staff: Staff, batch: Batch) -> None:
    page = staff(Role.VIEWER).get(f"{base(batch.execution)}live/")
    assert f"{QUARANTINE}?execution={batch.execution_id}" in page.content.decode()
    assert "Nobody else is left" in page.context["state"]["state_reason"]["message"]
    assert staff(Role.VIEWER).get(f"{base(batch.execution)}progress/").json()["set_aside"] == 4


@pytest.mark.parametrize(
    ("move", "words", "open_ones"),
    [("release", "is tried again", 1), ("narrow", "in parts", 4), ("give_up", "was given up", 0)],
)
def test_a_batch_is_moved(move: str, words: str, open_ones: int, staff: Staff, batch: Batch) -> None:
    client = staff(Role.LAUNCHER)
    answer = client.post(
        f"{base(batch.execution)}batch/", {"batch": batch.pk, "move": move, "chosen": "1"}, follow=True
    )
    assert answer.redirect_chain[-1][0] == f"{QUARANTINE}?execution={batch.execution_id}"
    assert words in said(answer)
    assert Batch.objects.filter(state=BatchState.OPEN).count() == open_ones
    again = client.post(f"{base(batch.execution)}batch/", {"batch": batch.pk, "move": move}, follow=True)
    assert "only one that is quarantined" in said(again)


def test_strange_moves_move_nothing(staff: Staff, batch: Batch, other_workspace: Workspace) -> None:
    client, path = staff(Role.LAUNCHER), f"{base(batch.execution)}batch/"
    for body in ({}, {"move": "release"}, {"move": "explode", "batch": batch.pk}, {"move": "release", "batch": "٣"}):
        assert client.post(path, body).status_code == 400
    assert "no such batch" in said(client.post(path, {"move": "release", "batch": batch.pk + 1}, follow=True))
    assert staff(Role.EDITOR).post(path, {"move": "release", "batch": batch.pk}).status_code == 403
    stranger = signed_in(make_member(other_workspace, Role.ADMIN))
    assert stranger.post(path, {"move": "release", "batch": batch.pk}).status_code == 404
    assert Batch.objects.get(pk=batch.pk).state == BatchState.QUARANTINED
