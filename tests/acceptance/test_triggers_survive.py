"""An event that was answered with 200 is sent upon once, whatever process is killed."""

import os
import signal
from collections.abc import Callable
from functools import partial

from audiences.models import Address
from campaigns.models import Campaign
from executions.models import Delivery, Execution
from executions.states import Outcome
from tests.executions.triggering.events import EVENT, activate, make_triggered
from tests.running.client import Client
from tests.running.mailbox import Mailbox
from tests.running.posting import Poster, posting
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

GOAL = 40


def test_an_accepted_event_is_sent_upon_once_though_processes_are_killed(
    stack: Stack, workspace: Workspace, relay: Mailbox, client: Client
) -> None:
    campaign = make_triggered(workspace)
    activate(campaign)
    sender = Poster(client, EVENT, label="shopper")
    with posting([sender]):
        kills: list[Callable[[], None]] = [partial(_kill_child, stack), stack.worker.kill, stack.web.kill]
        for number, kill in enumerate(kills, 1):
            wait_until(partial(_has_taken, sender, number * GOAL), f"{number * GOAL} events are taken")
            kill()
            if stack.web.popen is None:
                wait_until(lambda: sender.failed, "a call has failed")
            for process in (stack.worker, stack.web):
                if process.popen is None:
                    process.start()
            stack.wait_for_web()
        wait_until(partial(_has_taken, sender, 4 * GOAL), "events are taken to the end")
    wait_until(lambda: set(sender.taken) <= _recorded(campaign).keys(), "everybody is in the ledger", within=120)
    assert sender.failed >= 1
    received = relay.recipients()
    recorded = _recorded(campaign)
    assert max(received.values()) == 1
    assert {email for email, outcome in recorded.items() if outcome == Outcome.SENT} <= received.keys()
    assert received.keys() <= recorded.keys()
    assert set(recorded.values()) <= {Outcome.SENT, Outcome.UNKNOWN}
    _books_are_right(campaign)


def _has_taken(sender: Poster, goal: int) -> bool:
    return len(sender.taken) >= goal


def _kill_child(stack: Stack) -> None:
    os.kill(wait_until(stack.worker.children, "the worker has children")[0], signal.SIGKILL)


def _recorded(campaign: Campaign) -> dict[str, Outcome]:
    """Address to outcome; each address has one row at most."""
    found = Delivery.objects.filter(execution_id__in=Execution.objects.filter(campaign=campaign).values("pk"))
    rows = list(found.values_list("address_id", "outcome"))
    assert len({address for address, _ in rows}) == len(rows)
    addresses = dict(Address.objects.filter(workspace_id=campaign.workspace_id).values_list("pk", "value"))
    return {addresses[address]: Outcome(outcome) for address, outcome in rows}


def _books_are_right(campaign: Campaign) -> None:
    for execution in Execution.objects.filter(campaign=campaign):
        rows = Delivery.objects.filter(launched_on=execution.launched_on, execution_id=execution.pk)
        assert rows.count() == execution.size
