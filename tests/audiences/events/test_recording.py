"""Events written by set, and what is known already."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from audiences.events.content import message_key
from audiences.events.recording import NewEvent, record
from audiences.models import Event
from common.partitions import drop_partition, months_kept
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def received(workspace: Workspace, at: datetime, *message_ids: str) -> int:
    """How many of the messages were new."""
    events = [
        NewEvent("server", name, at, name, message_key(app_id=None, message_id=name), properties='{"a": 1}')
        for name in message_ids
    ]
    with transaction.atomic():
        return len(record(workspace_id=workspace.pk, events=events, now=at))


def test_a_message_of_the_month_before_is_remembered_for_a_week(workspace: Workspace) -> None:
    assert received(workspace, datetime(2031, 3, 30, tzinfo=UTC), "a", "b") == 2
    assert received(workspace, datetime(2031, 4, 6, tzinfo=UTC), "a", "c") == 1
    assert received(workspace, datetime(2031, 4, 20, tzinfo=UTC), "b", "c") == 1


def test_a_month_that_nobody_made_is_made_by_its_first_event(workspace: Workspace) -> None:
    at = datetime(2033, 2, 28, 23, 59, 59, tzinfo=UTC)
    assert received(workspace, at, "a") == 1
    assert received(workspace, at + timedelta(seconds=1), "b") == 1
    assert {datetime(2033, month, 1).date() for month in (2, 3)} <= set(months_kept("audiences_event"))  # noqa: DTZ001
    drop_partition("audiences_event", at.date().replace(day=1))
    assert [event.message_id for event in Event.objects.all()] == ["b"]


def test_ids_follow_the_order_of_the_events(workspace: Workspace) -> None:
    names = [f"m{n}" for n in range(50)]
    received(workspace, datetime(2031, 3, 30, tzinfo=UTC), *names)
    assert [event.message_id for event in Event.objects.order_by("id")] == names


def test_the_same_message_twice_in_one_call_counts_once(workspace: Workspace) -> None:
    assert received(workspace, datetime(2031, 3, 30, tzinfo=UTC), "a", "a", "b") == 2
