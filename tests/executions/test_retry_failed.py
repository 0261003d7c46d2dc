"""Retrying what failed: a linked execution over the failed rows, and over nobody else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from audiences.models import Address, Contact, Suppression
from common.authorship import SYSTEM
from common.errors import Conflict, Invalid, NotFound
from executions.delivery.planning import plan
from executions.launching import control
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.launching.retrying import count_to_retry, retry_failed
from executions.models import Batch, Delivery, Execution, FrequencyUse, RecipientData
from executions.settling.unknowns import settle_unknown
from executions.states import BatchState, Outcome, State
from providers.models import Provider, SandboxMessage
from tests.executions.ledger_rows import launched, make_batch, make_delivery
from tests.executions.rows import ledger
from tests.executions.work import counts, deliver
from tests.factories import (
    make_address,
    make_campaign,
    make_cap,
    make_contact,
    make_contacts,
    make_suppression,
    make_template,
    publish_again,
)
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def ended(workspace: Workspace, *outcomes: Outcome, state: State = State.FINISHED, **fields: Any) -> Execution:
    """An execution that is over, with a new contact for each outcome."""
    contacts = make_contacts(workspace, len(outcomes))
    execution = launched(make_campaign(workspace, **fields), size=len(outcomes), state=state)
    record(execution, contacts, *outcomes)
    return execution


def record(execution: Execution, contacts: list[Contact], *outcomes: Outcome) -> None:
    for contact, outcome in zip(contacts, outcomes, strict=True):
        reason = {Outcome.FAILED: "rejected", Outcome.SKIPPED: "suppressed"}.get(outcome)
        make_delivery(execution, contact, contact.addresses.get(), outcome=outcome, reason=reason)
    numbers = {outcome.label: outcomes.count(outcome) for outcome in set(outcomes)}
    make_batch(execution, len(outcomes), state=BatchState.CLOSED, **numbers)


def retry(execution: Execution, *include: str) -> Execution:
    made = retry_failed(
        execution_id=execution.pk,
        workspace_id=execution.workspace_id,
        actor=SYSTEM,
        include=include or ("failed",),
    )
    return made.execution


def addresses(workspace: Workspace) -> list[str]:
    return sorted(SandboxMessage.objects.filter(workspace_id=workspace.pk).values_list("address", flat=True))


EVERY = (Outcome.SENT, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNKNOWN, Outcome.FAILED)


def test_only_who_failed_is_tried_again(workspace: Workspace) -> None:
    execution = ended(workspace, *EVERY)
    made = retry(execution)
    assert (made.retry_of_id, made.state) == (execution.pk, State.PLANNING)
    assert made.audience == {"type": "retry", "execution_id": execution.pk, "include": ["failed"], "exclude": []}
    deliver(made)
    failed = [row[:2] for row in ledger(execution) if row[2] == "failed"]
    assert [row[:2] for row in ledger(made)] == failed
    assert (made.size, counts(made), made.state) == (2, {"sent": 2}, State.FINISHED)


def test_the_unknown_are_tried_again_where_that_is_asked_for(workspace: Workspace) -> None:
    execution = ended(workspace, *EVERY)
    assert count_to_retry(execution_id=execution.pk, include=["failed", "unknown"]) == 3
    assert counts(deliver(retry(execution, "failed", "unknown"))) == {"sent": 3}
    assert [row[2] for row in ledger(execution)] == ["sent", "failed", "skipped", "unknown", "failed"]


def test_the_address_that_failed_is_tried_and_no_other_of_the_contact(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    second = make_address(contact, value="second@example.test")
    execution = launched(make_campaign(workspace), size=2, state=State.FINISHED)
    make_delivery(execution, contact, contact.addresses.exclude(pk=second.pk).get())
    make_delivery(execution, contact, second, outcome=Outcome.FAILED, reason="rejected")
    deliver(retry(execution))
    assert addresses(workspace) == ["second@example.test"]


def test_the_content_is_that_of_the_first_launch(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    template = make_template(workspace, content={"subject": "{{ offer }}", "html": "{{ unsubscribe_url }}", "text": ""})
    campaign = make_campaign(workspace, template=template, personalization={"offer": "10%"})
    given = {"external_id": contact.external_id, "personalization": {"offer": "only for you"}}
    asked = LaunchRequest(
        audience={"type": "contacts", "contacts": [given]}, frequency_capping=False, personalization={"offer": "20%"}
    )
    execution = deliver(launch(campaign=campaign, request=asked, actor=SYSTEM).execution)
    Delivery.objects.filter(execution_id=execution.pk).update(outcome=Outcome.FAILED)
    publish_again(template, content={"subject": "Other", "html": "{{ unsubscribe_url }}", "text": ""})
    campaign.personalization = {}
    campaign.save()
    made = deliver(retry(execution))
    assert (made.frequency_capping, made.personalization) == (False, {"offer": "20%"})
    assert made.template_version_id == execution.template_version_id
    messages = SandboxMessage.objects.order_by("pk")
    assert [message.content["subject"] for message in messages] == ["only for you"] * 2
    assert RecipientData.objects.filter(execution_id=made.pk).count() == 1


def test_the_rate_is_that_of_the_first_launch(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED)
    Execution.objects.filter(pk=execution.pk).update(rate_per_minute=120)
    assert retry(execution).rate_per_minute == 120


def test_consent_suppression_and_deletion_are_asked_anew(workspace: Workspace) -> None:
    execution = ended(workspace, *[Outcome.FAILED] * 5)
    rows = [Address.objects.get(pk=address) for _contact, address, *_ in ledger(execution)]
    Address.objects.filter(pk=rows[0].pk).update(consent="unsubscribed")
    make_suppression(workspace, rows[1].value)
    Address.objects.filter(pk=rows[2].pk).update(state="dead")
    rows[3].contact.delete()
    made = deliver(retry(execution))
    assert [row[2:] for row in ledger(made)] == [
        ("skipped", "unsubscribed"),
        ("skipped", "suppressed"),
        ("skipped", "invalid_address"),
        ("skipped", "deleted"),
        ("sent", None),
    ]
    assert made.size == 5 and Suppression.objects.count() == 1


def test_the_contact_with_the_greatest_id_may_be_deleted(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.SENT, Outcome.FAILED)
    Contact.objects.latest("pk").delete()
    assert [row[2:] for row in ledger(deliver(retry(execution)))] == [("skipped", "deleted")]


def test_caps_hold_for_a_retry(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=3600)
    execution = ended(workspace, Outcome.FAILED)
    deliver(launched(make_campaign(workspace)))
    assert [row[2:] for row in ledger(deliver(retry(execution)))] == [("skipped", "frequency_cap")]
    assert FrequencyUse.objects.count() == 1


def test_asking_again_answers_the_same_one(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED)
    first = retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    again = retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert (first.made, again.made, again.execution.pk) == (True, False, first.execution.pk)
    assert AuditEntry.objects.filter(action="launched", object_id=first.execution.pk).count() == 1


def test_many_at_once_make_one(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED)

    def ask(_: int) -> int:
        try:
            return retry(execution).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(ask, range(12)))
    assert made == {Execution.objects.get(retry_of=execution).pk}


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (State.FINISHED, State.CANCELLED)], ids=lambda state: state.value
)
def test_only_what_is_over_is_retried(state: State, workspace: Workspace) -> None:
    with pytest.raises(Conflict, match="only a finished or a cancelled one is retried"):
        retry(ended(workspace, Outcome.FAILED, state=state))


def test_without_anybody_who_failed_there_is_nothing_to_retry(workspace: Workspace) -> None:
    with pytest.raises(Conflict) as refused:
        retry(ended(workspace, Outcome.SENT, Outcome.UNKNOWN))
    assert refused.value.code == "nothing_to_retry"


def test_a_foreign_execution_is_not_there(workspace: Workspace, other_workspace: Workspace) -> None:
    execution = ended(other_workspace, Outcome.FAILED)
    with pytest.raises(NotFound):
        retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)


def test_what_keeps_a_launch_from_being_made_keeps_a_retry(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED)
    Provider.objects.update(enabled=False)
    with pytest.raises(Invalid):
        retry(execution)
    assert not Execution.objects.filter(retry_of=execution).exists()


def test_a_retry_waits_for_approval_where_that_is_asked_for(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED)
    Workspace.objects.update(requires_approval=True)
    assert retry(execution).state == State.AWAITING_APPROVAL


def test_a_campaign_that_is_executed_once_can_be_retried(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED, once=True)
    assert counts(deliver(retry(execution))) == {"sent": 1}


def test_a_retry_can_be_retried(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED, Outcome.FAILED)
    first = deliver(retry(execution))
    Delivery.objects.filter(execution_id=first.pk, contact_id=ledger(first)[0][0]).update(outcome=Outcome.FAILED)
    second = deliver(retry(first))
    assert (second.retry_of_id, [row[:2] for row in ledger(second)]) == (first.pk, [ledger(first)[0][:2]])


def test_who_is_settled_as_failed_after_the_retry_is_in_the_next(workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED, Outcome.UNKNOWN)
    first = deliver(retry(execution))
    settle_unknown(
        execution_id=execution.pk,
        workspace_id=workspace.pk,
        outcome=Outcome.FAILED,
        delivery_ids=None,
        note="",
        actor=SYSTEM,
    )
    second = deliver(retry(first))
    assert [row[0] for row in ledger(second)] == [ledger(execution)[1][0]]
    assert counts(second) == {"sent": 1}


@pytest.mark.parametrize("planned", [False, True])
def test_a_cancelled_retry_owes_its_people_another(planned: bool, workspace: Workspace) -> None:
    execution = ended(workspace, Outcome.FAILED)
    first = retry(execution)
    if planned:
        plan(first.pk)
    control.cancel(execution_id=first.pk, workspace_id=workspace.pk, actor=SYSTEM)
    deliver(first)
    assert (first.state, counts(first)) == (State.CANCELLED, {"skipped": 1})
    assert counts(deliver(retry(first))) == {"sent": 1}


def test_a_retry_of_many_is_planned_in_pages(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executions.delivery.planning.PAGE_CONTACTS", 2)
    execution = ended(workspace, *[Outcome.FAILED, Outcome.SENT] * 5)
    made = deliver(retry(execution))
    assert (made.size, counts(made), Batch.objects.filter(execution=made).count()) == (5, {"sent": 5}, 3)
