"""Hints to the workers: what is said when, and that nobody waits for a broker that is silent."""

import logging
import socket
from collections.abc import Iterator

import pytest
from celery import current_app

from common import broker
from executions import enqueue
from executions.states import State
from tests.factories import make_campaign, make_execution
from workspaces.models import Workspace


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Task and arguments of every message, for executions in the queue `bulk`."""
    published: list[tuple[object, ...]] = []
    monkeypatch.setattr(enqueue, "publish", lambda *message, queue: published.append(message))
    monkeypatch.setattr(enqueue, "queue_of", lambda execution_id: "bulk")
    return published


@pytest.mark.parametrize(
    ("state", "tasks"),
    [
        (State.PLANNING, ["executions.plan"]),
        (State.RUNNING, ["executions.drain"]),
        (State.CANCELLING, ["executions.plan", "executions.drain"]),
        (State.SCHEDULED, []),
        (State.AWAITING_APPROVAL, []),
        (State.PAUSED, []),
        (State.CANCELLED, []),
        (State.FINISHED, []),
    ],
)
def test_what_a_state_waits_for(said: list[tuple[object, ...]], state: State, tasks: list[str]) -> None:
    enqueue.enqueue_next(7, state)
    assert said == [(task, 7) for task in tasks]


@pytest.mark.django_db
def test_transactional_executions_have_a_queue_of_their_own(workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    queues = [make_execution(campaign, purpose=purpose).pk for purpose in ("marketing", "transactional")]
    assert [enqueue.queue_of(pk) for pk in queues] == ["volley", "volley.transactional"]


def test_workers_take_the_sweep_first_then_what_is_transactional() -> None:
    assert list(current_app.amqp.queues) == ["volley.sweep", "volley.transactional", "volley"]
    assert current_app.conf.broker_transport_options["queue_order_strategy"] == "priority"


@pytest.fixture
def broker_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The broker is this socket, which nobody answers on."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        monkeypatch.setattr(current_app.conf, "broker_url", url)
        monkeypatch.setattr(broker, "_silent_until", 0.0)
        monkeypatch.setattr(broker, "LEFT_ALONE_SECONDS", 600.0)
        broker._connection.cache_clear()
        yield silent
        broker._connection.cache_clear()


@pytest.mark.parametrize("listening", [True, False])
def test_a_broker_that_is_silent_or_gone_is_logged_once_and_left_alone(
    broker_at: socket.socket, caplog: pytest.LogCaptureFixture, listening: bool
) -> None:
    if listening:
        broker_at.listen()
    with caplog.at_level(logging.WARNING, logger="common.broker"):
        for execution_id in (1, 2, 3):
            enqueue.enqueue_waking(execution_id)
    (record,) = (record for record in caplog.records if record.name == "common.broker")
    assert "the sweep" in record.getMessage() or "a sweep" in record.getMessage()
