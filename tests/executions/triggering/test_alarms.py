"""An alarm says when events are due, so that no delay waits for a sweep; one message at a time says it to workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from common import alarms
from common import broker as hints
from executions import enqueue
from executions.delivery.rates import FIRST_QUEUE
from executions.enqueue import enqueue_promoting, promoting_hint
from providers.models import SandboxMessage
from tests.executions.triggering.events import activated, happened
from tests.factories import make_contact, make_workspace
from tests.workers import PATIENCE_SECONDS, CeleryWorker, flush_queue, wait_for
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Empty; it is waited for, and a message may be on its way for as long as the test takes."""
    monkeypatch.setattr(hints, "TIMEOUT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(hints, "_silent_until", 0.0)
    monkeypatch.setattr(enqueue, "PROMOTING_SECONDS", 10 * PATIENCE_SECONDS)
    hints._connection.cache_clear()
    flush_queue()
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    client.close()
    flush_queue()
    hints._connection.cache_clear()


def clock_of(client: Any) -> int:
    """In the whole milliseconds of alarms."""
    seconds, microseconds = client.time()
    return int(seconds * 1000 + microseconds // 1000)


def test_the_earliest_alarm_counts(broker: Any) -> None:
    began = clock_of(broker)
    for seconds in (600, 5, 300):
        alarms.set_alarm(alarms.TRIGGERS, 7, seconds)
    [(whose, at)] = broker.zrange(alarms.TRIGGERS, 0, -1, withscores=True)
    assert whose == b"7"
    assert began + 5_000 <= at <= clock_of(broker) + 5_000


def test_an_event_sets_the_alarm_for_its_delay(broker: Any, workspace: Workspace) -> None:
    activation = activated(workspace, delay_seconds=3600)
    contact, began = make_contact(workspace), clock_of(broker)
    happened(contact, properties={"sku": "A1"})
    [(whose, at)] = broker.zrange(alarms.TRIGGERS, 0, -1, withscores=True)
    assert int(whose) == activation.pk
    assert began + 3_599_000 <= at <= clock_of(broker) + 3_601_000


def test_one_message_waits_in_line_until_it_has_arrived(broker: Any, workspace: Workspace) -> None:
    activation = activated(workspace, campaign={"purpose": "transactional"})
    for _ in range(3):
        enqueue_promoting(activation.pk)
    assert broker.llen(FIRST_QUEUE) == 1
    alarms.drop_hint(promoting_hint(activation.pk))
    enqueue_promoting(activation.pk)
    assert broker.llen(FIRST_QUEUE) == 2


@pytest.mark.acceptance
def test_a_worker_sends_after_a_delay_without_any_sweep(broker: Any, tmp_path: Path) -> None:
    workspace = make_workspace()
    activated(workspace, delay_seconds=1)
    worker = CeleryWorker(tmp_path)
    worker.start(sweeps=False)
    try:
        happened(make_contact(workspace), properties={"sku": "A1"})
        wait_for(lambda: SandboxMessage.objects.filter(workspace_id=workspace.pk).exists(), "the message is sent")
    finally:
        worker.stop()
