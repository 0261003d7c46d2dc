"""Who may promote now, and how much: whatever keeps one from it, nothing is lost, and an alarm calls the next."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings

from audiences.events.models import TriggerHit
from common import alarms
from executions.delivery.runtime import connection_parameters
from executions.models import Batch, Execution, TriggerActivation
from executions.states import State
from executions.triggering import promoting, standing
from executions.triggering.promoting import NOTHING, promote
from tests.executions.triggering.events import activated, happened, work
from tests.executions.work import counts
from tests.factories import make_contact, make_contacts
from tests.workers import flush_queue
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def activation(workspace: Workspace) -> Iterator[TriggerActivation]:
    """With an event that is due; no alarm is set."""
    activation = activated(workspace)
    happened(make_contact(workspace), properties={"sku": "A1"})
    flush_queue()
    yield activation
    flush_queue()


def kept_for_later(activation: TriggerActivation) -> bool:
    client: Any = redis.Redis.from_url(settings.REDIS_URL)
    rings = client.zscore(alarms.TRIGGERS, activation.pk)
    client.close()
    return rings is not None and TriggerHit.objects.filter(activation_id=activation.pk).exists()


def test_one_promotes_a_campaigns_events_at_a_time(activation: TriggerActivation) -> None:
    with psycopg.connect(**connection_parameters()) as another:
        another.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"volley.promote:{activation.campaign_id}"]
        )
        assert promote(activation.pk) == NOTHING
        assert kept_for_later(activation)
    [execution] = work(activation)
    assert counts(execution) == {"sent": 1}


def test_an_hour_that_ended_meanwhile_takes_nobody_and_the_next_one_does(
    activation: TriggerActivation, workspace: Workspace
) -> None:
    [ended] = work(activation)
    Execution.objects.filter(activation=activation).update(state=State.FINISHED)
    happened(make_contact(workspace), properties={"sku": "B2"})
    [taking] = promote(activation.pk).running
    assert taking != ended.pk
    ended.refresh_from_db()
    assert (ended.size, ended.state) == (1, State.FINISHED)


def test_no_more_is_promoted_while_enough_waits_for_a_worker(
    activation: TriggerActivation, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "ENOUGH", 1)
    promote(activation.pk)
    happened(make_contact(workspace), properties={"sku": "B2"})
    assert promote(activation.pk) == NOTHING
    assert kept_for_later(activation)
    assert [batch.size for batch in Batch.objects.all()] == [1]


def test_where_nobody_works_on_what_waits_it_is_not_asked_again_and_again(
    activation: TriggerActivation, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "ENOUGH", 1)
    soon: list[float] = []
    monkeypatch.setattr(alarms, "set_alarm", lambda _alarms, _whose, seconds=0.0: soon.append(seconds))
    promote(activation.pk)
    happened(make_contact(workspace), properties={"sku": "B2"})
    soon.clear()
    promote(activation.pk)
    Batch.objects.create(
        execution=Execution.objects.get(activation=activation),
        workspace_id=workspace.pk,
        size=1,
        lease_token="00000000-0000-4000-8000-000000000000",
    )
    promote(activation.pk)
    assert soon == [promoting.STUCK_SECONDS, promoting.ENOUGH_SECONDS]


def test_a_backlog_is_promoted_a_part_at_a_time(
    activation: TriggerActivation, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promoting, "AT_ONCE", 2)
    for contact in make_contacts(workspace, 3):
        happened(contact, properties={"sku": "B2"})
    assert promote(activation.pk).more
    [execution] = work(activation)
    assert (execution.size, counts(execution)) == (4, {"sent": 4})
