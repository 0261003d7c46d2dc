"""Which events nobody was sent anything upon is kept beside why, for a month."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from common.authorship import SYSTEM
from executions.models import PassedOver
from executions.triggering.passing_over import forget_passed_over
from executions.triggering.services import deactivate_trigger
from tests.executions.triggering.events import activated, happened, work
from tests.executions.triggering.test_waiting import ago, make_due
from tests.factories import make_contact
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
SKU = {"sku": "A1"}


def words() -> list[str]:
    return list(PassedOver.objects.order_by("event_id").values_list("became", flat=True))


def test_repeated_and_cancelled_events_are_kept_one_by_one(workspace: Workspace) -> None:
    activation = activated(workspace, per_contact="once", delay_seconds=600, cancel_event="order placed")
    one, two = make_contact(workspace), make_contact(workspace)
    happened(one, properties=SKU)
    happened(one, properties=SKU)
    happened(two, properties=SKU, at=ago(minutes=5))
    happened(two, "order placed", at=ago(minutes=1))
    make_due(activation)
    work(activation)
    assert words() == ["again", "stopped"]
    assert activation.counts == {"promoted": 1, "again": 1, "stopped": 1}


def test_what_waited_at_the_end_is_kept_as_dropped(workspace: Workspace) -> None:
    activation = activated(workspace, delay_seconds=600)
    happened(make_contact(workspace), properties=SKU)
    deactivate_trigger(campaign=activation.campaign, actor=SYSTEM)
    activation.refresh_from_db()
    work(activation)
    assert words() == ["dropped"]


def test_after_a_month_it_is_forgotten(workspace: Workspace) -> None:
    PassedOver.objects.create(event_id=1, activation_id=1, became="again", at=Now() - timedelta(days=31))
    PassedOver.objects.create(event_id=2, activation_id=1, became="again", at=Now() - timedelta(days=29))
    assert forget_passed_over() == 1
    assert list(PassedOver.objects.values_list("event_id", flat=True)) == [2]
