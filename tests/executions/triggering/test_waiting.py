"""Delays, cancelling events, and how often a contact has its message."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from audiences.events.models import EventTrigger, TriggerHit
from audiences.models import Address, Contact
from common.authorship import SYSTEM
from executions.delivery.finishing import finish_if_complete
from executions.launching.control import cancel
from executions.launching.retrying import retry_failed
from executions.models import Execution, QuietHours, TriggerActivation, TriggerUse
from executions.triggering import waiting
from executions.triggering.promoting import NOTHING, promote
from executions.triggering.services import deactivate_trigger
from executions.triggering.uses import MOST_AN_HOUR
from providers.models import Provider
from tests.executions.rows import ledger
from tests.executions.triggering.events import EVENT, activate, activated, happened, make_triggered, work
from tests.executions.triggering.test_promoting import end_the_hour, quiet_now
from tests.executions.work import counts, deliver, drain_all
from tests.factories import make_cap, make_contact, make_contacts
from tests.planner import on_new_pages
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600
SKU = {"sku": "A1"}


def make_due(activation: TriggerActivation) -> None:
    TriggerHit.objects.filter(activation_id=activation.pk).update(due_at="2020-01-01T00:00:00Z")


def sent(activation: TriggerActivation) -> int:
    return sum(counts(execution).get("sent", 0) for execution in work(activation))


def until(execution: Execution) -> datetime:
    execution.refresh_from_db()
    assert execution.accepts_until is not None
    return execution.accepts_until


def ago(**delta: float) -> str:
    return (datetime.now(UTC) - timedelta(**delta)).isoformat()


def test_nothing_is_sent_before_the_delay_is_over(workspace: Workspace) -> None:
    activation = activated(workspace, delay_seconds=HOUR)
    happened(make_contact(workspace), properties=SKU)
    assert (work(activation), waiting.sweep()) == ([], [])
    make_due(activation)
    assert waiting.sweep() == [activation.pk]
    assert sent(activation) == 1


@pytest.mark.parametrize("first", ["trigger", "cancelling"])
def test_a_cancelling_event_stops_it_whichever_was_told_of_first(workspace: Workspace, first: str) -> None:
    activation = activated(workspace, delay_seconds=HOUR, cancel_event="order placed")
    stopped, other = make_contacts(workspace, 2)
    told = {"trigger": (EVENT, 10), "cancelling": ("order placed", 5)}
    for name, minutes in sorted(told.values(), reverse=first == "cancelling"):
        happened(stopped, name, properties=SKU, at=ago(minutes=minutes))
    happened(other, properties=SKU)
    make_due(activation)
    assert sent(activation) == 1
    assert activation.counts == {"promoted": 1, "stopped": 1}


def test_what_was_done_before_the_event_does_not_stop_it(workspace: Workspace) -> None:
    activation = activated(workspace, delay_seconds=HOUR, cancel_event="order placed")
    contact = make_contact(workspace)
    happened(contact, "order placed", at=ago(minutes=10))
    happened(contact, properties=SKU, at=ago(minutes=5))
    happened(make_contact(workspace), "order placed")
    make_due(activation)
    assert sent(activation) == 1


def test_only_a_cancelling_event_that_fits_stops_it(workspace: Workspace) -> None:
    large = {"name": "total", "value_type": "number", "operator": "at_least", "value": 100}
    activation = activated(workspace, cancel_event="order placed", cancel_conditions=[large])
    for total in (99, 100):
        contact = make_contact(workspace)
        happened(contact, properties=SKU, at=ago(minutes=5))
        happened(contact, "order placed", properties={"total": total})
    assert sent(activation) == 1


def test_the_last_of_several_is_sent_where_each_cancels_those_before(workspace: Workspace) -> None:
    activation = activated(workspace, delay_seconds=HOUR, cancel_event="cart abandoned")
    contact = make_contact(workspace)
    for _ in range(3):
        happened(contact, properties=SKU)
    make_due(activation)
    assert sent(activation) == 1
    assert activation.counts == {"promoted": 1, "stopped": 2}


def twice(activation: TriggerActivation, contact: Contact) -> int:
    for _ in range(2):
        happened(contact, properties=SKU)
    first = sent(activation)
    happened(contact, properties=SKU)
    return first + len(work(activation)) - 1


def test_once_is_once_even_if_it_is_activated_again(workspace: Workspace) -> None:
    campaign = make_triggered(workspace, per_contact="once")
    activation = activate(campaign)
    assert twice(activation, make_contact(workspace)) == 1
    assert activation.counts == {"promoted": 1, "again": 2}


def test_once_stays_once_though_the_trigger_was_another_meanwhile(workspace: Workspace) -> None:
    campaign = make_triggered(workspace, per_contact="once")
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    activation = activate(campaign)
    happened(contact, properties=SKU)
    assert sent(activation) == 1
    deactivate_trigger(campaign=campaign, actor=SYSTEM)
    EventTrigger.objects.filter(campaign_id=campaign.pk).update(per_contact="every")
    TriggerUse.objects.update(last_at=datetime.now(UTC) - timedelta(hours=3))
    waiting.forget_old_uses()
    EventTrigger.objects.filter(campaign_id=campaign.pk).update(per_contact="once")
    again = activate(campaign)
    happened(contact, properties=SKU)
    assert (sent(again), again.counts) == (0, {"again": 1})


def test_what_is_sent_every_time_is_counted_for_the_last_hours_only(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SLICE", 2)
    activation = activated(workspace)
    for contact in make_contacts(workspace, 5):
        happened(contact, properties=SKU)
    assert sent(activation) == 5
    waiting.forget_old_uses()
    assert TriggerUse.objects.count() == 5
    TriggerUse.objects.update(last_at=datetime.now(UTC) - timedelta(hours=3))
    waiting.forget_old_uses()
    assert not TriggerUse.objects.exists()


def test_a_window_is_over_when_it_is_over(workspace: Workspace) -> None:
    activation = activated(workspace, per_contact="window", window_seconds=HOUR)
    contact = make_contact(workspace)
    assert twice(activation, contact) == 1
    TriggerUse.objects.update(last_at=datetime.now(UTC) - timedelta(seconds=HOUR + 1))
    happened(contact, properties=SKU)
    assert len(work(activation)) == 2


def test_a_loop_ends_and_is_counted(workspace: Workspace) -> None:
    activation = activated(workspace)
    contact = make_contact(workspace)
    for _ in range(MOST_AN_HOUR + 3):
        happened(contact, properties=SKU)
    assert len(work(activation)) == MOST_AN_HOUR
    assert activation.counts == {"promoted": MOST_AN_HOUR, "too_often": 3}
    TriggerUse.objects.update(hour="2020-01-01T00:00:00Z")
    activation.executions.update(accepts_until="2020-01-01T01:00:00Z")
    happened(contact, properties=SKU)
    work(activation)
    assert activation.counts["promoted"] == MOST_AN_HOUR + 1


def test_only_events_with_the_name_and_the_properties_asked_for_trigger(workspace: Workspace) -> None:
    books = {"name": "category", "value_type": "text", "operator": "in", "values": ["book", "map"]}
    activation = activated(workspace, conditions=[books])
    contact = make_contact(workspace)
    happened(contact, properties={"category": "shoe", **SKU})
    happened(contact, properties=SKU)
    happened(contact, "another", properties={"category": "book", **SKU})
    happened(contact, properties={"category": "map", **SKU})
    assert sent(activation) == 1


def test_history_that_is_told_of_later_triggers_nothing(workspace: Workspace) -> None:
    activation = activated(workspace)
    happened(make_contact(workspace), properties=SKU, at=ago(days=2))
    assert work(activation) == []


def test_those_who_wait_for_their_delay_are_not_read_to_find_who_is_due(workspace: Workspace) -> None:
    on_new_pages("audiences_triggerhit")
    activations = [activated(workspace, delay_seconds=HOUR) for _ in range(3)]
    for activation in activations:
        make_waiting(activation, 1_000)
    assert rows_read(lambda: waiting.sweep() == []) <= 3 * len(activations)
    assert rows_read(lambda: promote(activations[0].pk) == NOTHING) <= 3


def make_waiting(activation: TriggerActivation, number: int) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    of = {"workspace_id": activation.workspace_id, "activation_id": activation.pk, "received_month": later.date()}
    TriggerHit.objects.bulk_create(
        TriggerHit(**of, contact_id=one, event_id=one, at=later, due_at=later) for one in range(1, number + 1)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audiences_triggerhit")


def rows_read(work: Callable[[], Any]) -> int:
    """Of the events that wait; `work` answers whether it found what it should."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ROWS_READ)
        before = cursor.fetchone()[0]
        assert work()
        cursor.execute(_ROWS_READ)
        return int(cursor.fetchone()[0] - before)


_ROWS_READ = """
    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'audiences_triggerhit'
"""


@pytest.mark.parametrize("definition", [{"per_contact": "once"}, {"per_contact": "window", "window_seconds": HOUR}])
def test_whose_execution_was_cancelled_before_they_were_sent_anything_has_not_had_it(
    workspace: Workspace, definition: dict[str, Any]
) -> None:
    quiet_now(workspace)
    activation = activated(workspace, **definition)
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    [held] = work(activation)
    happened(contact, properties=SKU)
    assert (len(work(activation)), activation.counts) == (1, {"promoted": 1, "again": 1})
    cancel(execution_id=held.pk, workspace_id=workspace.pk, actor=SYSTEM)
    drain_all(held)
    finish_if_complete(held.pk)
    QuietHours.objects.all().delete()
    happened(contact, properties=SKU)
    _, second = work(activation)
    assert counts(second) == {"sent": 1}
    happened(contact, properties=SKU)
    work(activation)
    assert activation.counts == {"promoted": 2, "again": 2}


def test_who_was_dropped_with_the_hour_or_skipped_has_not_had_it(workspace: Workspace) -> None:
    activation = activated(workspace, per_contact="once")
    skipped, dropped = make_contacts(workspace, 2)
    happened(skipped)
    [execution] = work(activation)
    assert counts(execution) == {"skipped": 1}
    cancel(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    finish_if_complete(execution.pk)
    happened(dropped, properties=SKU)
    happened(skipped, properties=SKU)
    _, second = work(activation)
    assert counts(second) == {"sent": 1}
    assert activation.counts == {"promoted": 2, "dropped": 1}
    happened(dropped, properties=SKU)
    *_, second = work(activation)
    assert counts(second) == {"sent": 2}


def test_what_a_retry_sent_counts(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@example.test": "failed"}})
    activation = activated(workspace, per_contact="once")
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    [execution] = work(activation)
    end_the_hour(execution)
    TriggerUse.objects.update(hour=until(execution) - timedelta(hours=1))
    Provider.objects.filter(workspace=workspace).update(config={})
    Address.objects.update(state="active")
    deliver(retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM).execution)
    happened(contact, properties=SKU)
    work(activation)
    assert activation.counts == {"promoted": 1, "again": 1}


def test_a_clock_that_is_set_back_over_the_hour_holds_nobody_up(workspace: Workspace) -> None:
    activation = activated(workspace)
    one, two = make_contacts(workspace, 2)
    happened(one, properties=SKU)
    [ended] = work(activation)
    Execution.objects.filter(pk=ended.pk).update(state="finished")
    happened(two, properties=SKU)
    _, after = work(activation)
    assert (counts(after), until(after) - until(ended)) == ({"sent": 1}, timedelta(hours=1))


def test_what_still_waits_a_week_after_its_hour_is_given_up(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=30 * 86_400)
    activation = activated(workspace, campaign={"on_cap": "defer"})
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    work(activation)
    happened(contact, properties=SKU)
    _, deferred = work(activation)
    assert (counts(deferred), deferred.cut_off_at) == ({}, until(deferred) + timedelta(days=7))
    Execution.objects.filter(pk=deferred.pk).update(accepts_until=ago(days=8), cut_off_at=ago(days=1))
    drain_all(deferred)
    assert (counts(deferred), deferred.state) == ({"skipped": 1}, "finished")
    assert [(outcome, reason) for *_, outcome, reason in ledger(deferred)] == [("skipped", "cut_off")]
