"""A relay that goes away in the middle and returns: nobody pays for it with an attempt, and all workers agree."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from executions.delivery import breaker
from executions.delivery import turn as turns
from executions.delivery.breaker import ask_provider
from executions.delivery.draining import drain
from executions.delivery.lanes import open_lanes
from executions.delivery.planning import plan
from executions.launching.checks import database_time
from executions.models import Delivery, Execution
from executions.states import State
from providers.models import Kind, Provider
from tests.executions.plain_relay import PlainRelay
from tests.executions.rows import make_execution
from tests.executions.work import counts, drain_all
from tests.factories import make_contacts, make_provider, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def relay() -> Iterator[PlainRelay]:
    relay = PlainRelay()
    yield relay
    relay.close()


@pytest.fixture
def execution(relay: PlainRelay) -> Execution:
    """Planned: sixty people, over one connection, so that nothing else is on its way when the relay goes."""
    workspace = make_workspace(sandbox=False)
    config = {"host": "127.0.0.1", "port": relay.port, "security": "none", "connect_timeout": 60, "answer_timeout": 60}
    make_provider(workspace, Kind.SMTP, type="email", name="relay", config=config, connections=1)
    make_contacts(workspace, 60)
    execution = make_execution(workspace)
    plan(execution.pk)
    return execution


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """They end when the test says so: on a busy machine five seconds are over at any time."""
    for name in ("FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS", "PROBE_SECONDS"):
        monkeypatch.setattr(breaker, name, 600)


def ask(execution: Execution) -> bool | None:
    """Whether we are the one that tries; None where nobody is to ask."""
    found = ask_provider(execution.provider_id, execution_id=execution.pk, type="email")
    return None if found is None else found.probing


@pytest.mark.usefixtures("long_pauses")
def test_it_goes_away_half_way_and_comes_back(execution: Execution, relay: PlainRelay) -> None:
    relay.come(takes=25)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.RUNNING, {"sent": 25})
    assert execution.state_reason is not None
    assert execution.state_reason["code"] == "provider_unavailable" and execution.state_reason["retry_at"]
    relay.come()
    assert counts(drain_all(execution)) == {"sent": 25}
    Provider.objects.update(unavailable_until=LONG_AGO)
    drain_all(execution)
    assert (execution.state, execution.state_reason, counts(execution)) == (State.FINISHED, None, {"sent": 60})
    assert len(relay.recipients) == len(set(relay.recipients)) == 60
    assert set(Delivery.objects.filter(execution_id=execution.pk).values_list("attempts", flat=True)) == {1}
    provider = Provider.objects.get()
    assert (provider.failures, provider.unavailable_until, provider.unavailable_reason) == (0, None, "")


def test_every_failure_makes_the_pause_longer(execution: Execution, relay: PlainRelay) -> None:
    for seconds in (5, 10, 20, 40, 60, 60):
        Provider.objects.filter(unavailable_until__isnull=False).update(unavailable_until=LONG_AGO)
        [turn] = open_lanes(execution.pk)
        before = database_time()
        drain(turn)
        after, pause = database_time(), timedelta(seconds=seconds)
        until = Provider.objects.get().unavailable_until
        assert until is not None and before + pause <= until <= after + pause
    assert counts(execution) == {}


@pytest.mark.usefixtures("long_pauses")
def test_one_worker_alone_tries_again_and_with_few(
    execution: Execution, relay: PlainRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain_all(execution)
    assert ask(execution) is None
    Provider.objects.update(unavailable_until=LONG_AGO)
    assert (ask(execution), ask(execution), ask(execution)) == (True, None, None)
    Provider.objects.update(unavailable_until=LONG_AGO)
    monkeypatch.setattr(turns, "PROBE_CHUNK", 3)
    relay.come(takes=2)
    drain_all(execution)
    assert counts(execution) == {"sent": 2}
    assert Provider.objects.get().failures == 2 and len(relay.recipients) == 2


@pytest.mark.usefixtures("long_pauses")
def test_a_try_that_found_nothing_to_send_is_left_to_another(execution: Execution, relay: PlainRelay) -> None:
    drain_all(execution)
    Provider.objects.update(unavailable_until=LONG_AGO)
    [woken] = open_lanes(execution.pk)
    execution.batches.update(not_before="2100-01-01T00:00:00Z")
    drain(woken)
    assert ask(execution) is True
