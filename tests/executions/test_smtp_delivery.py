"""Through the real SMTP adapter to a real receiver: what a relay's absence does to an execution."""

import asyncio
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from config.embedded.ports import free_port
from executions.delivery import rounds
from executions.delivery.planning import plan
from executions.delivery.runtime import runtime
from executions.models import Execution
from executions.states import State
from providers import feed
from providers.models import Kind, Provider
from tests.executions.rows import make_execution
from tests.executions.work import counts, deliver, drain_all
from tests.factories import make_contacts, make_provider, make_workspace
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


class Mailbox(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)


class Slow(Mailbox):
    """Thinks about each recipient."""

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        await asyncio.sleep(0.3)
        envelope.rcpt_tos.append(address)
        return "250 well"


@pytest.fixture
def port() -> int:
    """Free, so that connecting to it is refused until somebody listens."""
    return free_port()


@pytest.fixture
def execution(port: int) -> Execution:
    workspace = make_workspace(sandbox=False)
    config = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "connect_timeout": PATIENCE,
        "answer_timeout": PATIENCE,
    }
    make_provider(workspace, Kind.SMTP, type="email", name="relay", config=config, connections=2)
    make_contacts(workspace, 20)
    execution = make_execution(workspace)
    plan(execution.pk)
    return execution


@pytest.fixture
def mailbox(port: int) -> Iterator[Any]:
    """`listen()` opens it."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    yield mailbox, controller.start
    controller.stop(no_assert=True)


def test_everyone_gets_one_mail(execution: Execution, mailbox: Any) -> None:
    box, listen = mailbox
    listen()
    deliver(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 20})
    ids = [message["Message-ID"] for message in box.messages]
    assert len(set(ids)) == len(ids) == 20
    assert all(message_id.startswith(f"<{execution.pk}-") for message_id in ids)


def test_a_relay_that_refuses_connections_is_waited_for_and_costs_no_attempt(
    execution: Execution, mailbox: Any
) -> None:
    box, listen = mailbox
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.RUNNING, {})
    assert execution.state_reason is not None
    assert execution.state_reason["code"] == "provider_unavailable"
    assert execution.state_reason["message"].startswith("relay: ")
    listen()
    Provider.objects.update(unavailable_until="2020-01-01T00:00:00Z")
    drain_all(execution)
    assert (execution.state, execution.state_reason) == (State.FINISHED, None)
    assert counts(execution) == {"sent": 20} and len(box.messages) == 20


def test_a_relay_that_is_too_slow_for_the_longest_round_is_told(
    execution: Execution, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is begun is taken back when nothing may be handed over any more: in silence it would go on for ever."""
    monkeypatch.setattr(feed, "FINISH_SECONDS", 0)
    monkeypatch.setattr(rounds, "LONGEST_ROUND_SECONDS", 0.1)
    runtime().rounds[execution.provider_id].seconds = 0.1
    box = Slow()
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    controller.start()
    try:
        drain_all(execution)
    finally:
        controller.stop()
    assert (execution.state, counts(execution), box.messages) == (State.RUNNING, {}, [])
    assert (execution.state_reason or {})["message"] == f"relay: {rounds.TOO_SLOW}"
