"""The live page, its buttons, the deliveries and the outbox."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from executions.admin_pages.live import live_state
from executions.delivery.partitions import make_partitions
from executions.models import Batch, Delivery
from executions.states import BatchState, Outcome, State
from providers.models import SandboxMessage
from tests.factories import make_campaign, make_contacts, make_execution
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]


def _base(execution: Any) -> str:
    return f"/admin/executions/execution/{execution.pk}/"


def _running(workspace: Workspace, **fields: Any) -> Any:
    return make_execution(make_campaign(workspace), **{"state": State.RUNNING, "size": 10, **fields})


def test_progress_gives_counts_and_reasons_in_words(staff: Staff, workspace: Workspace) -> None:
    execution = _running(workspace, planned_skips={"unreachable": 2})
    Batch.objects.create(
        execution=execution,
        workspace_id=workspace.pk,
        state=BatchState.OPEN,
        size=8,
        position=5,
        marked_to=5,
        sent=4,
        failed=1,
        reasons={"failed": {"rejected": 1}},
    )
    state = staff(Role.VIEWER).get(f"{_base(execution)}progress/").json()
    counts = {outcome["name"]: outcome["count"] for outcome in state["outcomes"]}
    assert counts == {"sent": 4, "skipped": 2, "failed": 1, "unknown": 0, "pending": 3}
    reasons = {outcome["name"]: outcome["reasons"] for outcome in state["outcomes"]}
    assert reasons["skipped"] == [
        {"name": "unreachable", "words": "The contact has no address of this type", "count": 2}
    ]
    assert state["progress"] == 0.7
    assert state["ended"] is False


def test_who_waits_for_a_domains_rate_is_counted_by_domain(staff: Staff, workspace: Workspace) -> None:
    execution = _running(workspace)
    Batch.objects.create(
        execution=execution, workspace_id=workspace.pk, state=BatchState.OPEN, size=10, reason="domain:gmail.com"
    )
    state = staff(Role.VIEWER).get(f"{_base(execution)}progress/").json()
    [pending] = [outcome for outcome in state["outcomes"] if outcome["name"] == "pending"]
    assert pending["reasons"] == [
        {"name": "domain:gmail.com", "words": "waiting for the rate of gmail.com", "count": 10}
    ]


def test_an_execution_that_is_slowed_down_goes_on_and_says_so(staff: Staff, workspace: Workspace) -> None:
    reason = {"code": "slowed", "message": "relay asks us to send more slowly.", "retry_at": None}
    started = datetime(2026, 1, 1, tzinfo=UTC)
    execution = _running(workspace, state_reason=reason, started_at=started, finished_at=None)
    Batch.objects.create(
        execution=execution, workspace_id=workspace.pk, state=1, size=10, position=9, marked_to=9, sent=9
    )
    with time_machine.travel(datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC), tick=False):
        state = live_state(execution, can_launch=False)
    assert (state["rate_per_second"], state["state_reason"]) == (3.0, reason)


def test_the_page_says_why_an_execution_waits(staff: Staff, workspace: Workspace) -> None:
    reason = {"code": "provider_unavailable", "message": "relay: connection refused", "retry_at": None}
    execution = _running(workspace, state_reason=reason)
    assert b"relay: connection refused" in staff(Role.VIEWER).get(f"{_base(execution)}live/").content


def test_the_buttons_move_the_execution(staff: Staff, workspace: Workspace) -> None:
    execution, client = _running(workspace), staff(Role.LAUNCHER)
    for move, expected in (("pause", State.PAUSED), ("resume", State.RUNNING), ("cancel", State.CANCELLING)):
        answer = client.post(f"{_base(execution)}move/", {"move": move}, headers={"Accept": "application/json"})
        assert answer.status_code == 200
        assert answer.json()["state"] == expected


def test_a_move_that_is_too_late_says_so(staff: Staff, workspace: Workspace) -> None:
    execution, client = _running(workspace, state=State.FINISHED), staff(Role.LAUNCHER)
    answer = client.post(f"{_base(execution)}move/", {"move": "pause"}, headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert "finished" in answer.json()["message"]
    assert client.post(f"{_base(execution)}move/", {"move": "explode"}).status_code == 400


def test_a_viewer_sees_no_buttons(staff: Staff, workspace: Workspace) -> None:
    execution = _running(workspace)
    assert staff(Role.VIEWER).get(f"{_base(execution)}progress/").json()["actions"] == []
    assert staff(Role.LAUNCHER).get(f"{_base(execution)}progress/").json()["actions"] == ["pause", "cancel"]


@pytest.fixture
def ledger(workspace: Workspace) -> Any:
    """An execution with 60 rows: the first ten skipped, the rest sent."""
    make_partitions()
    execution = _running(workspace, size=60)
    contacts = make_contacts(workspace, 60)
    Delivery.objects.bulk_create(
        Delivery(
            launched_on=execution.launched_on,
            execution_id=execution.pk,
            contact_id=contact.pk,
            address_id=contact.addresses.get().pk,
            workspace_id=workspace.pk,
            outcome=Outcome.SKIPPED if place < 10 else Outcome.SENT,
            reason="suppressed" if place < 10 else None,
            attempts=1,
            recorded_at=datetime.now(UTC),
        )
        for place, contact in enumerate(contacts)
    )
    return execution


def test_deliveries_page_by_key(ledger: Any, staff: Staff) -> None:
    client, path = staff(Role.VIEWER), f"{_base(ledger)}deliveries/"
    first = client.get(path)
    second = client.get(path + first.context["older_url"])
    assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 10)
    assert second.context["older_url"] is None
    back = client.get(path + second.context["newer_url"])
    assert [row["delivery_id"] for row in back.context["rows"]] == [row["delivery_id"] for row in first.context["rows"]]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("outcome=skipped", 10),
        ("outcome=failed", 0),
        ("reason=suppressed", 10),
        ("outcome=nonsense", 50),
        ("after=x", 50),
    ],
)
def test_deliveries_are_filtered(query: str, count: int, ledger: Any, staff: Staff) -> None:
    answer = staff(Role.VIEWER).get(f"{_base(ledger)}deliveries/?{query}")
    assert len(answer.context["rows"]) == count


def _message(workspace: Workspace, **fields: Any) -> SandboxMessage:
    values = {"delivery_id": "1-1-1", "type": "email", "address": "ana@example.test", "content": {}, **fields}
    return SandboxMessage.objects.create(workspace_id=workspace.pk, **values)


def test_an_email_is_shown_in_a_frame_that_runs_nothing(staff: Staff, workspace: Workspace) -> None:
    html = "<script>alert(1)</script><h1>Hello</h1>"
    raw = "From: Acme <news@acme.test>\r\nSubject: Hello\r\n\r\n"
    message = _message(workspace, content={"subject": "Hello", "html": html, "text": "Hello", "raw": raw})
    client = staff(Role.VIEWER)
    page = client.get(f"/admin/providers/sandboxmessage/{message.pk}/change/")
    assert b"<script>alert(1)" not in page.content
    assert b"Acme &lt;news@acme.test&gt;" in page.content
    framed = client.get(f"/admin/providers/sandboxmessage/{message.pk}/html/")
    policy = framed["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy


@pytest.mark.parametrize("content", [{}, {"title": 5}, {"html": None}, [], "text", {"subject": ["x"]}])
def test_an_odd_message_is_shown_all_the_same(content: Any, staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.VIEWER)
    for kind in ("email", "push"):
        message = _message(workspace, type=kind, content=content)
        assert client.get(f"/admin/providers/sandboxmessage/{message.pk}/change/").status_code == 200
    assert client.get("/admin/providers/sandboxmessage/").status_code == 200


def test_the_outbox_of_one_execution(staff: Staff, workspace: Workspace) -> None:
    ours, _ = _message(workspace, execution_id=7), _message(workspace, execution_id=8)
    changes = staff(Role.VIEWER).get("/admin/providers/sandboxmessage/?execution_id=7").context["cl"]
    assert [row.pk for row in changes.result_list] == [ours.pk]
