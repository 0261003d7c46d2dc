"""Events become recipients of the hour's standing execution, which is an execution like any other."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from audiences.events.models import TriggerHit
from audiences.models import Address
from common.authorship import SYSTEM
from executions.delivery.finishing import finish_if_complete
from executions.launching.control import cancel, pause, resume
from executions.launching.retrying import retry_failed
from executions.models import Execution
from executions.reading.progress import execution_wire, progress_of
from executions.states import State
from executions.triggering import waiting
from executions.triggering.services import deactivate_trigger
from providers.models import Provider, SandboxMessage
from tests.executions.rows import ledger
from tests.executions.triggering.events import activate, activated, happened, make_triggered, work
from tests.executions.work import counts, deliver, drain_all
from tests.factories import make_cap, make_contact, make_contacts, make_quiet_hours, make_suppression
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def bodies(execution: Execution) -> list[str]:
    found = SandboxMessage.objects.filter(execution_id=execution.pk).order_by("pk")
    return [one.content["subject"] for one in found]


def end_the_hour(execution: Execution) -> Execution:
    Execution.objects.filter(pk=execution.pk).update(accepts_until="2020-01-01T00:00:00Z")
    finish_if_complete(execution.pk)
    execution.refresh_from_db()
    return execution


def test_an_event_is_sent_upon_with_its_properties(workspace: Workspace) -> None:
    activation = activated(workspace)
    happened(make_contact(workspace), properties={"sku": "A1"})
    [execution] = work(activation)
    assert bodies(execution) == ["You left A1"]
    assert (execution.size, execution.state) == (1, State.RUNNING)
    assert activation.counts == {"promoted": 1}
    assert TriggerHit.objects.count() == 0


def test_an_hours_events_share_an_execution_that_finishes_after_the_hour(workspace: Workspace) -> None:
    activation = activated(workspace)
    for contact in make_contacts(workspace, 3):
        happened(contact, properties={"sku": contact.external_id})
        [execution] = work(activation)
        assert not finish_if_complete(execution.pk)
    assert (execution.size, counts(execution)) == (3, {"sent": 3})
    assert end_the_hour(execution).state == State.FINISHED


def test_a_contact_who_triggers_again_within_the_hour_is_in_the_second_execution(workspace: Workspace) -> None:
    activation = activated(workspace)
    contact = make_contact(workspace)
    for sku in ("A1", "B2", "C3"):
        happened(contact, properties={"sku": sku})
    executions = work(activation)
    assert [bodies(execution) for execution in executions] == [["You left A1"], ["You left B2"], ["You left C3"]]
    assert [execution.occurrence for execution in executions] == [1, 2, 3]


def test_who_cannot_be_reached_is_in_the_ledger_with_the_reason(workspace: Workspace) -> None:
    activation = activated(workspace)
    suppressed = make_contact(workspace, email="no@example.test")
    make_suppression(workspace, "no@example.test")
    for contact in (suppressed, make_contact(workspace, email=None), make_contact(workspace)):
        happened(contact, properties={"sku": "A1"})
    [execution] = work(activation)
    assert execution.size == 3
    assert sorted((outcome, reason) for *_, outcome, reason in ledger(execution)) == [
        ("sent", None),
        ("skipped", "suppressed"),
        ("skipped", "unreachable"),
    ]


def test_an_event_without_what_the_template_needs_is_skipped(workspace: Workspace) -> None:
    activation = activated(workspace)
    happened(make_contact(workspace))
    [execution] = work(activation)
    assert [(outcome, reason) for *_, outcome, reason in ledger(execution)] == [("skipped", "missing_variable")]


def test_a_cap_holds_for_events_too(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    activation = activated(workspace)
    contact = make_contact(workspace)
    happened(contact, properties={"sku": "A1"})
    happened(contact, properties={"sku": "B2"})
    first, second = work(activation)
    assert (counts(first), counts(second)) == ({"sent": 1}, {"skipped": 1})


def quiet_now(workspace: Workspace, **fields: Any) -> None:
    """From an hour ago to an hour from now, in UTC."""
    now = datetime.now(UTC)
    minute = now.hour * 60 + now.minute
    make_quiet_hours(workspace, starts=(minute - 60) % 1440, ends=(minute + 60) % 1440, **fields)


def test_quiet_hours_hold_what_events_trigger_unless_it_is_transactional(workspace: Workspace) -> None:
    quiet_now(workspace)
    held = activated(workspace)
    urgent = activated(workspace, campaign={"purpose": "transactional"})
    happened(make_contact(workspace), properties={"sku": "A1"})
    [waiting_one] = work(held)
    [sent] = work(urgent)
    assert (waiting_one.size, counts(waiting_one), counts(sent)) == (1, {}, {"sent": 1})
    assert waiting_one.batches.filter(reason="quiet_hours", size=1).exists()


def test_consent_withdrawn_after_the_event_is_respected(workspace: Workspace) -> None:
    activation = activated(workspace)
    contact = make_contact(workspace)
    happened(contact, properties={"sku": "A1"})
    Address.objects.filter(contact=contact).update(consent="unsubscribed")
    [execution] = work(activation)
    assert [(outcome, reason) for *_, outcome, reason in ledger(execution)] == [("skipped", "unsubscribed")]


def test_a_deleted_contact_is_counted_and_nobody_is_sent_to(workspace: Workspace) -> None:
    activation = activated(workspace)
    contact = make_contact(workspace)
    happened(contact, properties={"sku": "A1"})
    contact.delete()
    [execution] = work(activation)
    assert execution.size == 0
    assert activation.counts == {"deleted": 1}


def test_while_it_is_paused_events_wait_in_it(workspace: Workspace) -> None:
    activation = activated(workspace)
    one, two = make_contacts(workspace, 2)
    happened(one, properties={"sku": "A1"})
    [execution] = work(activation)
    pause(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    happened(two, properties={"sku": "B2"})
    [execution] = work(activation)
    assert (execution.size, counts(execution)) == (2, {"sent": 1})
    resume(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert counts(drain_all(execution)) == {"sent": 2}


def test_cancelling_ends_the_hour_and_events_of_the_rest_of_it_are_dropped(workspace: Workspace) -> None:
    activation = activated(workspace)
    one, two = make_contacts(workspace, 2)
    happened(one, properties={"sku": "A1"})
    [execution] = work(activation)
    cancel(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    finish_if_complete(execution.pk)
    happened(two, properties={"sku": "B2"})
    [execution] = work(activation)
    assert (execution.state, execution.size) == (State.CANCELLED, 1)
    assert activation.counts == {"promoted": 1, "dropped": 1}


def test_events_before_the_activation_and_after_its_end_are_not_sent_upon(workspace: Workspace) -> None:
    campaign = make_triggered(workspace)
    contact = make_contact(workspace)
    happened(contact, properties={"sku": "A1"})
    activation = activate(campaign)
    deactivate_trigger(campaign=campaign, actor=SYSTEM)
    happened(contact, properties={"sku": "B2"})
    assert work(activation) == []


def test_deactivating_drops_what_waits_or_sends_it_when_it_is_due(workspace: Workspace) -> None:
    for drop, promoted in ((True, {"dropped": 1}), (False, {"promoted": 1})):
        campaign = make_triggered(workspace)
        activation = activate(campaign)
        happened(make_contact(workspace), properties={"sku": "A1"})
        deactivate_trigger(campaign=campaign, actor=SYSTEM, drop_waiting=drop)
        assert activation.pk in waiting.sweep()
        work(activation)
        assert activation.counts == promoted


def test_what_was_to_be_sent_when_it_is_due_is_dropped_by_deactivating_again(workspace: Workspace) -> None:
    campaign = make_triggered(workspace, delay_seconds=600)
    first = activate(campaign)
    happened(make_contact(workspace), properties={"sku": "A1"})
    deactivate_trigger(campaign=campaign, actor=SYSTEM, drop_waiting=False)
    second = activate(campaign)
    happened(make_contact(workspace), properties={"sku": "B2"})
    deactivate_trigger(campaign=campaign, actor=SYSTEM, drop_waiting=False)
    assert waiting.sweep() == []
    assert deactivate_trigger(campaign=campaign, actor=SYSTEM) == second
    assert waiting.sweep() == [first.pk, second.pk]
    assert [work(one) for one in (first, second)] == [[], []]
    assert [one.counts for one in (first, second)] == [{"dropped": 1}] * 2


def test_an_event_that_is_not_committed_triggers_nothing(workspace: Workspace) -> None:
    activation = activated(workspace)
    contact = make_contact(workspace)
    with transaction.atomic():
        happened(contact, properties={"sku": "A1"})
        transaction.set_rollback(True)
    assert work(activation) == []


def test_while_events_may_come_its_progress_is_open(workspace: Workspace) -> None:
    activation = activated(workspace)
    happened(make_contact(workspace), properties={"sku": "A1"})
    [execution] = work(activation)
    shown = execution_wire(execution, progress_of([execution])[execution.pk])
    assert (shown["state"], shown["progress"]) == ("running", None)
    assert shown["trigger"]["accepts_until"] == execution.accepts_until
    ended = end_the_hour(execution)
    assert execution_wire(ended, progress_of([ended])[ended.pk])["progress"] == 1.0


def test_failed_messages_are_tried_again_with_their_event(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@example.test": "failed"}})
    activation = activated(workspace)
    happened(make_contact(workspace), properties={"sku": "A1"})
    [execution] = work(activation)
    assert counts(execution) == {"failed": 1}
    end_the_hour(execution)
    Provider.objects.filter(workspace=workspace).update(config={})
    Address.objects.update(state="active")
    retry = retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM).execution
    assert bodies(deliver(retry)) == ["You left A1"]


def test_a_retry_keeps_everybodys_own_message_though_they_share_an_address(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@example.test": "failed"}})
    activation = activated(workspace)
    for sku in ("A1", "B2"):
        happened(make_contact(workspace, email="shared@example.test"), properties={"sku": sku})
    [execution] = work(activation)
    assert counts(execution) == {"failed": 2}
    end_the_hour(execution)
    Provider.objects.filter(workspace=workspace).update(config={})
    Address.objects.update(state="active")
    retry = retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM).execution
    assert sorted(bodies(deliver(retry))) == ["You left A1", "You left B2"]
