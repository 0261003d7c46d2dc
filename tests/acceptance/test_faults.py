"""What happens while a campaign is under way: people step in, processes die, somebody unsubscribes."""

import os
import signal
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.db.models import F, Q

from audiences.models import Address
from executions.models import Batch
from providers.models import SandboxMessage
from tests.factories import make_contacts, make_template
from tests.running.client import Client
from tests.running.mailbox import Mailbox
from tests.running.processes import Stack
from tests.waiting import PATIENCE, wait_until
from workspaces.models import Workspace

PEOPLE = 600


@pytest.fixture
def slow_relay(relay: Mailbox) -> Mailbox:
    """Takes its time over each message, so that there is a campaign to interrupt."""
    relay.delay = 0.02
    return relay


def launch(client: Client, workspace: Workspace) -> int:
    make_contacts(workspace, PEOPLE)
    return client.execute(client.create(template_id=make_template(workspace).pk), {"type": "all"})


def nothing_is_in_flight(execution_id: int) -> bool:
    """No worker has a batch of it, nor left anybody marked as begun."""
    held = Q(lease_token__isnull=False) | Q(marked_to__gt=F("position"))
    return not Batch.objects.filter(held, execution_id=execution_id).exists()


def ledger_is_complete(client: Client, execution_id: int) -> Counter[str]:
    rows = client.deliveries(execution_id)
    assert len(rows) == len({row["delivery_id"] for row in rows}) == PEOPLE
    return Counter(row["outcome"] for row in rows)


def test_paused_hands_nothing_over_and_resumed_completes(
    client: Client, workspace: Workspace, slow_relay: Mailbox
) -> None:
    slow_relay.wait_after(20)
    execution_id = launch(client, workspace)
    wait_until(lambda: slow_relay.count >= 20, "the first messages arrived")
    assert client.ok("POST", f"/api/v1/executions/{execution_id}/pause", {})["state"] == "paused"
    assert client.ok("POST", f"/api/v1/executions/{execution_id}/pause", {})["state"] == "paused"
    slow_relay.go_on()
    wait_until(lambda: nothing_is_in_flight(execution_id), "the chunk in flight is out")
    settled = wait_until(lambda: slow_relay.is_quiet(), "nothing more comes")
    assert settled < PEOPLE
    assert client.execution(execution_id)["state"] == "paused"
    client.ok("POST", f"/api/v1/executions/{execution_id}/resume", {})
    assert client.wait_for(execution_id)["state"] == "finished"
    assert ledger_is_complete(client, execution_id) == {"sent": PEOPLE}
    assert set(slow_relay.recipients().values()) == {1}
    assert client.request("POST", f"/api/v1/executions/{execution_id}/pause", {}).status == 409


def test_cancelled_leaves_a_row_for_everyone(client: Client, workspace: Workspace, slow_relay: Mailbox) -> None:
    slow_relay.wait_after(20)
    execution_id = launch(client, workspace)
    wait_until(lambda: slow_relay.count >= 20, "the first messages arrived")
    client.ok("POST", f"/api/v1/executions/{execution_id}/cancel", {})
    slow_relay.go_on()
    wait_until(lambda: client.execution(execution_id)["counts"]["pending"] == 0, "nobody is pending")
    done = client.execution(execution_id)
    assert done["state"] == "cancelled"
    counted = ledger_is_complete(client, execution_id)
    assert counted["sent"] == slow_relay.count < PEOPLE
    assert done["reasons"]["skipped"] == {"cancelled": counted["skipped"]}


def test_killed_workers_lose_nobody_and_nobody_gets_it_twice(
    stack: Stack, client: Client, workspace: Workspace, slow_relay: Mailbox
) -> None:
    execution_id = launch(client, workspace)
    for threshold in (30, 150):
        wait_until(partial(slow_relay.has_more_than, threshold), f"{threshold} messages arrived")
        for pid in stack.worker.children():
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: slow_relay.count > 300, "300 messages arrived")
    stack.worker.kill()
    stack.worker.start()
    done = client.wait_for(execution_id)
    counted = ledger_is_complete(client, execution_id)
    assert done["state"] == "finished"
    assert counted["sent"] + counted["unknown"] == PEOPLE
    assert set(slow_relay.recipients().values()) == {1}
    assert counted["sent"] <= slow_relay.count <= PEOPLE
    in_doubt = 3 * 2 * 4 * 8  # kills × processes × connections × pipelining depth
    assert counted["unknown"] <= in_doubt


def test_unsubscribing_mid_campaign_holds_back_whoever_is_not_yet_in_a_chunk(
    client: Client, workspace: Workspace, slow_relay: Mailbox
) -> None:
    slow_relay.wait_after(1)
    execution_id = launch(client, workspace)
    wait_until(lambda: slow_relay.count, "the first message arrived")
    client.ok("POST", f"/api/v1/executions/{execution_id}/pause", {})
    slow_relay.go_on()
    wait_until(lambda: nothing_is_in_flight(execution_id), "the chunk in flight is out")
    reached = next(iter(slow_relay.recipients()))
    _unsubscribe(slow_relay.message(reached)["List-Unsubscribe"].strip("<>"))
    waiting = min(_addresses(workspace) - set(slow_relay.recipients()))
    client.ok("POST", "/api/v1/suppressions", {"suppressions": [{"type": "email", "value": waiting}]})
    client.ok("POST", f"/api/v1/executions/{execution_id}/resume", {})
    done = client.wait_for(execution_id)
    assert waiting not in slow_relay.recipients()
    assert done["reasons"]["skipped"] == {"suppressed": 1}
    assert done["receipts"]["unsubscribed"] == 1
    again = client.execute(client.create(template_id=make_template(workspace).pk), {"type": "all"})
    assert client.wait_for(again)["reasons"]["skipped"] == {"suppressed": 2}


def _addresses(workspace: Workspace) -> set[str]:
    return set(Address.objects.filter(workspace=workspace).values_list("value", flat=True))


def _unsubscribe(link: str) -> None:
    """As a mail client does: RFC 8058, section 3.2."""
    body = b"List-Unsubscribe=One-Click"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with urlopen(Request(link, body, headers, method="POST"), timeout=PATIENCE) as answer:
        assert answer.status == 200


def test_ten_thousand_in_the_sandbox_are_all_there(client: Client, workspace: Workspace) -> None:
    rows: list[Any] = [
        {"external_id": f"s{n}", "email": f"s{n}.w{workspace.pk}@example.test", "attributes": {"first_name": f"N{n}"}}
        for n in range(10_000)
    ]
    report = client.ok("POST", "/api/v1/contacts", {"contacts": rows})
    assert report["created"] == 10_000
    execution_id = client.execute(client.create(template_id=make_template(workspace).pk), {"type": "all"})
    done = client.wait_for(execution_id)
    assert done["counts"] == {"sent": 10_000, "skipped": 0, "failed": 0, "unknown": 0, "pending": 0}
    assert SandboxMessage.objects.filter(execution_id=execution_id).values("address").distinct().count() == 10_000
