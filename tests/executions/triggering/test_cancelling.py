"""A cancelling event stops whatever has not been handed to a provider yet, whatever holds it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audiences.models import Address, Contact
from common.authorship import SYSTEM
from executions.launching.control import pause, resume
from executions.launching.retrying import retry_failed
from executions.models import Delivery, Execution, QuietHours, TriggerActivation
from providers.models import Provider
from tests.executions.triggering.events import activated, happened, work
from tests.executions.triggering.test_promoting import end_the_hour, quiet_now
from tests.executions.triggering.test_waiting import ago
from tests.executions.work import counts, deliver, drain_all, make_due
from tests.factories import make_cap, make_contact, make_contacts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = "order placed"
SKU = {"sku": "A1", "cart_id": "c-1"}
SAME_CART = {"name": "cart_id", "value_type": "text", "operator": "equals", "value": {"event": "cart_id"}}


def rows(execution: Execution) -> list[tuple[str, str | None, str | None]]:
    found = Delivery.objects.filter(execution_id=execution.pk).order_by("contact_id")
    return [(one.get_outcome_display(), one.reason, one.detail) for one in found]


def quiet_is_over(execution: Execution) -> None:
    QuietHours.objects.all().delete()
    make_due(execution)


def held_by_quiet_hours(workspace: Workspace, contacts: list[Contact], **definition: Any) -> Execution:
    quiet_now(workspace)
    activation = activated(workspace, cancel_event=ORDER, **definition)
    for contact in contacts:
        happened(contact, properties=SKU)
    [execution] = work(activation)
    assert counts(execution) == {}
    return execution


def test_whoever_quiet_hours_hold_gets_nothing_after_the_cancelling_event(workspace: Workspace) -> None:
    stopped, other = make_contacts(workspace, 2)
    execution = held_by_quiet_hours(workspace, [stopped, other])
    happened(stopped, ORDER)
    quiet_is_over(execution)
    assert counts(drain_all(execution)) == {"sent": 1, "skipped": 1}
    assert rows(execution) == [("skipped", "cancelled", ORDER), ("sent", None, None)]
    assert execution.size == 2


def test_while_it_is_paused_the_cancelling_event_counts(workspace: Workspace) -> None:
    activation = activated(workspace, cancel_event=ORDER)
    first, stopped = make_contacts(workspace, 2)
    happened(first, properties=SKU)
    [execution] = work(activation)
    pause(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    happened(stopped, properties=SKU)
    work(activation)
    happened(stopped, ORDER)
    happened(first, ORDER)
    resume(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert counts(drain_all(execution)) == {"sent": 1, "skipped": 1}


def test_whoever_a_cap_defers_is_stopped_and_uses_no_cap(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    activation = activated(workspace, cancel_event=ORDER, campaign={"on_cap": "defer"})
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    work(activation)
    happened(contact, properties=SKU)
    _, deferred = work(activation)
    assert counts(deferred) == {}
    happened(contact, ORDER)
    make_due(deferred)
    drain_all(deferred)
    assert rows(deferred) == [("skipped", "cancelled", ORDER)]


def test_a_retry_asks_again(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@example.test": "failed"}})
    activation = activated(workspace, cancel_event=ORDER)
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    [execution] = work(activation)
    end_the_hour(execution)
    Provider.objects.filter(workspace=workspace).update(config={})
    Address.objects.update(state="active")
    happened(contact, ORDER)
    retry = retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM).execution
    assert rows(deliver(retry)) == [("skipped", "cancelled", ORDER)]


def test_only_the_cancelling_event_of_the_same_cart_stops_it(workspace: Workspace) -> None:
    same, another, unsaid = make_contacts(workspace, 3)
    execution = held_by_quiet_hours(workspace, [same, another, unsaid], cancel_conditions=[SAME_CART])
    happened(same, ORDER, properties={"cart_id": "c-1"})
    happened(another, ORDER, properties={"cart_id": "c-2"})
    happened(unsaid, ORDER)
    quiet_is_over(execution)
    assert counts(drain_all(execution)) == {"sent": 2, "skipped": 1}
    assert rows(execution)[0] == ("skipped", "cancelled", ORDER)


def test_the_same_cart_is_asked_for_while_the_delay_lasts_too(workspace: Workspace) -> None:
    activation = activated(workspace, cancel_event=ORDER, cancel_conditions=[SAME_CART])
    same, another = make_contacts(workspace, 2)
    for contact, cart in ((same, "c-1"), (another, "c-2")):
        happened(contact, properties=SKU, at=ago(minutes=5))
        happened(contact, ORDER, properties={"cart_id": cart})
    [execution] = work(activation)
    assert activation.counts == {"promoted": 1, "stopped": 1}
    assert counts(execution) == {"sent": 1}


def test_an_event_without_the_property_is_cancelled_by_none(workspace: Workspace) -> None:
    not_same = {**SAME_CART, "operator": "not_equals"}
    activation = activated(workspace, cancel_event=ORDER, cancel_conditions=[not_same])
    contact = make_contact(workspace)
    happened(contact, properties={"sku": "A1"}, at=ago(minutes=5))
    happened(contact, ORDER, properties={"cart_id": "c-2"})
    work(activation)
    activation.refresh_from_db()
    assert activation.counts == {"promoted": 1}


def test_recording_an_event_costs_the_same_whatever_it_may_cancel(workspace: Workspace) -> None:
    contact = make_contact(workspace)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            happened(contact, ORDER)
        return len(asked)

    queries()
    before = queries()
    activated(workspace, cancel_event=ORDER)
    assert queries() == before


def test_a_sender_that_marked_before_the_event_sends(workspace: Workspace) -> None:
    """Nothing is called back from a provider."""
    activation: TriggerActivation = activated(workspace, cancel_event=ORDER)
    contact = make_contact(workspace)
    happened(contact, properties=SKU)
    [execution] = work(activation)
    happened(contact, ORDER)
    assert counts(drain_all(execution)) == {"sent": 1}
