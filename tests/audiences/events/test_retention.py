"""Months of events: made ahead, dropped when they are old enough."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from pytest_django import Settings

from audiences.events import retention
from audiences.events.retention import tend_months
from audiences.models import Event
from audiences.tasks import tend_events
from common.partitions import months_kept
from tests.audiences.events.test_recording import received
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def test_a_month_goes_when_its_last_day_is_too_old(workspace: Workspace, settings: Settings) -> None:
    settings.EVENT_RETENTION_DAYS = 30
    for month in (1, 2, 3):
        received(workspace, datetime(2031, month, 28, tzinfo=UTC), f"m{month}")
    assert date(2031, 1, 1) not in tend_months(date(2031, 3, 2))
    assert [event.message_id for event in Event.objects.order_by("id")] == ["m1", "m2", "m3"]
    assert tend_months(date(2031, 3, 3)) == [date(2031, 1, 1)]
    assert [event.message_id for event in Event.objects.order_by("id")] == ["m2", "m3"]


def test_a_month_stays_while_the_table_is_read(
    workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EVENT_RETENTION_DAYS = 30
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(retention, "TRIES", 2)
    monkeypatch.setattr(retention, "WAIT_MS", 10)
    received(workspace, datetime(2031, 1, 28, tzinfo=UTC), "m1")
    reader = connection.copy()
    reader.set_autocommit(False)
    try:
        with reader.cursor() as cursor:
            cursor.execute("LOCK TABLE audiences_event IN ACCESS SHARE MODE")
        assert tend_months(date(2031, 3, 3)) == []
    finally:
        reader.rollback()  # of a connection that is closed, PostgreSQL drops the locks a little later
        reader.close()
    monkeypatch.setattr(retention, "WAIT_MS", 60_000)
    assert date(2031, 1, 1) in tend_months(date(2031, 3, 3))


def test_months_are_made_ahead(workspace: Workspace) -> None:
    tend_months(date(2031, 11, 30))
    assert {date(2031, 11, 1), date(2031, 12, 1), date(2032, 1, 1)} <= set(months_kept("audiences_event"))


def test_the_task_keeps_what_is_young(workspace: Workspace) -> None:
    before = set(months_kept("audiences_event"))
    tend_events()
    assert before <= set(months_kept("audiences_event"))
