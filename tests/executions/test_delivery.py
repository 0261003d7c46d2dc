from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from audiences.models import Address, Suppression
from audiences.unsubscribe import preferences_url, read_token
from executions.delivery import breaker, chunk, planning
from executions.delivery.draining import drain
from executions.delivery.lanes import open_lanes
from executions.delivery.planning import plan
from executions.delivery.runtime import runtime
from executions.models import Batch, Delivery, Execution, RecipientData
from executions.states import BatchState, State
from providers.contract import Message
from providers.models import Provider, SandboxMessage
from providers.sandbox import SandboxAdapter
from tests.executions.rows import ledger, make_execution
from tests.executions.work import counts, deliver, drain_all, make_due
from tests.factories import make_address, make_app, make_campaign, make_contact, make_contacts, make_template
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def outbox(execution: Execution) -> list[SandboxMessage]:
    return list(SandboxMessage.objects.filter(execution_id=execution.pk).order_by("id"))


def rules(workspace: Workspace, **endings: str) -> None:
    Provider.objects.filter(workspace=workspace).update(
        config={"rules": {f"@{name}.test": verdict for name, verdict in endings.items()}}
    )


def test_everyone_gets_one_message_with_their_own_content(workspace: Workspace) -> None:
    people = make_contacts(workspace, 3)
    execution = deliver(make_execution(workspace))
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3})
    messages = {message.delivery_id: message.content for message in outbox(execution)}
    for person in people:
        address = person.addresses.get()
        content = messages[f"{execution.pk}-{person.pk}-{address.pk}"]
        assert content["subject"] == f"Hello {person.attributes['first_name']}"
        token = content["html"].split("/u/")[1].split('"')[0]
        read = read_token(token)
        assert read is not None and (read.contact_id, read.address_id) == (person.pk, address.pk)
        assert f"Message-ID: <{execution.pk}-{person.pk}-{address.pk}@example.test>" in content["raw"]
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in content["raw"]


def test_a_ledger_row_says_what_happened(workspace: Workspace) -> None:
    person = make_contact(workspace)
    execution = deliver(make_execution(workspace))
    [row] = Delivery.objects.filter(execution_id=execution.pk)
    assert (row.contact_id, row.outcome, row.attempts, row.reason) == (person.pk, 1, 1, None)
    assert row.launched_on == execution.launched_on and row.workspace_id == workspace.pk
    assert row.provider_id == execution.provider_id and row.provider_response == "kept in the sandbox"
    assert execution.started_at and row.sent_at and execution.started_at <= row.sent_at <= row.recorded_at


def test_many_chunks_and_batches_leave_nobody_out(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "BATCH_SIZE", 7)
    monkeypatch.setattr(SandboxAdapter, "chunk", 3)
    people = make_contacts(workspace, 30)
    execution = deliver(make_execution(workspace))
    assert counts(execution) == {"sent": 30}
    assert sorted(contact for contact, *_ in ledger(execution)) == [person.pk for person in people]
    assert len({message.delivery_id for message in outbox(execution)}) == len(outbox(execution)) == 30


def test_a_chunk_that_is_slow_to_render_is_cut_short(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "RENDER_SECONDS", -1.0)
    sizes: list[int] = []
    send = SandboxAdapter.send

    async def counting(self: SandboxAdapter, messages: Sequence[Message], **how: Any) -> None:
        sizes.append(len(messages))
        await send(self, messages, **how)

    monkeypatch.setattr(SandboxAdapter, "send", counting)
    people = make_contacts(workspace, 3)
    execution = deliver(make_execution(workspace))
    assert sizes == [1, 1, 1]
    assert sorted(contact for contact, *_ in ledger(execution)) == [person.pk for person in people]


def test_push_goes_to_every_token_with_its_app(workspace: Workspace) -> None:
    android, ios = make_app(workspace), make_app(workspace)
    campaign = make_campaign(workspace, "push", apps=[android, ios])
    person = make_contact(workspace, app=android)
    make_address(person, "push", app=ios, value="ios-token")
    execution = deliver(make_execution(workspace, type="push", campaign=campaign, personalization={"offer": "10%"}))
    assert sorted((message.app_id, message.content["body"]) for message in outbox(execution)) == sorted(
        [(android.app_id, "10% off"), (ios.app_id, "10% off")]
    )


def test_inline_personalization_wins_and_is_the_recipients_own(workspace: Workspace) -> None:
    one, two = make_contacts(workspace, 2)
    execution = make_execution(workspace, audience={"type": "contacts"}, personalization={"first_name": "everyone"})
    RecipientData.objects.create(execution=execution, contact_id=one.pk, personalization={"first_name": "One"})
    RecipientData.objects.create(execution=execution, contact_id=two.pk)
    deliver(execution)
    assert [message.content["subject"] for message in outbox(execution)] == ["Hello One", "Hello everyone"]


def test_a_missing_variable_skips_the_recipient_and_is_named(workspace: Workspace) -> None:
    make_contact(workspace, attributes={})
    fine = make_contact(workspace)
    execution = deliver(make_execution(workspace))
    assert counts(execution) == {"sent": 1, "skipped": 1}
    [row] = Delivery.objects.filter(execution_id=execution.pk, outcome=2)
    assert (row.reason, row.detail, row.attempts) == ("missing_variable", "first_name", 0)
    assert [message.delivery_id.split("-")[1] for message in outbox(execution)] == [str(fine.pk)]
    assert Batch.objects.get(execution=execution).reasons == {"skipped": {"missing_variable": 1}}


def test_what_cannot_be_rendered_fails_only_that_recipient(workspace: Workspace) -> None:
    template = make_template(workspace, "sms", content={"text": "{{ n | divided_by: d }}"})
    for number, divisor in ((1, 0), (2, 1)):
        person = make_contact(workspace, email=None, attributes={"n": 4, "d": divisor})
        make_address(person, "sms", value=f"+4477009000{number:02}")
    execution = deliver(
        make_execution(workspace, type="sms", campaign=make_campaign(workspace, "sms", template=template))
    )
    assert [row[2:] for row in ledger(execution)] == [("failed", "render_error"), ("sent", None)]


def test_contact_is_a_variable(workspace: Workspace) -> None:
    template = make_template(workspace, "sms", content={"text": "{{ contact.external_id }} {{ contact.city }}"})
    person = make_contact(workspace, email=None, attributes={"city": "Pune"})
    make_address(person, "sms", value="+447700900001")
    execution = make_execution(workspace, type="sms", campaign=make_campaign(workspace, "sms", template=template))
    [message] = outbox(deliver(execution))
    assert message.content == {"text": f"{person.external_id} Pune"}


def test_who_changed_their_mind_after_planning_is_not_sent_to(workspace: Workspace) -> None:
    suppressed, unsubscribed, dead, deleted, moved, fine = make_contacts(workspace, 6)
    execution = make_execution(workspace)
    plan(execution.pk)
    Suppression.objects.create(workspace=workspace, type="email", value=suppressed.addresses.get().value)
    Address.objects.filter(contact=unsubscribed).update(consent="unsubscribed")
    Address.objects.filter(contact=dead).update(state="dead")
    Address.objects.filter(contact=moved).delete()
    contact_id = deleted.pk
    deleted.delete()
    drain_all(execution)
    assert {contact: reason for contact, _address, _outcome, reason in ledger(execution)} == {
        suppressed.pk: "suppressed",
        unsubscribed.pk: "unsubscribed",
        dead.pk: "invalid_address",
        contact_id: "deleted",
        moved.pk: "deleted",
        fine.pk: None,
    }
    assert execution.state == State.FINISHED and len(outbox(execution)) == 1


def test_a_permanent_refusal_fails_with_the_providers_words_and_marks_the_address(workspace: Workspace) -> None:
    rules(workspace, bad="failed")
    person = make_contact(workspace, email="nobody@bad.test")
    execution = deliver(make_execution(workspace))
    [row] = Delivery.objects.filter(execution_id=execution.pk)
    assert (row.outcome, row.reason, row.attempts) == (3, "rejected", 1)
    assert row.provider_response and "rule" in row.provider_response
    assert Address.objects.get(contact=person).state == "dead"


def test_a_transient_refusal_is_tried_again_until_attempts_are_spent(workspace: Workspace, settings: Settings) -> None:
    settings.RETRY_DELAYS = [60, 60]
    rules(workspace, busy="retry")
    make_contact(workspace, email="a@busy.test")
    make_contact(workspace)
    execution = deliver(make_execution(workspace))
    assert (execution.state, counts(execution)) == (State.RUNNING, {"sent": 1})
    for attempt in (1, 2):
        [parked] = Batch.objects.filter(execution=execution, state=BatchState.OPEN)
        assert (parked.attempt, parked.reason, parked.size) == (attempt, "retry", 1)
        make_due(execution)
        drain_all(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 1, "failed": 1})
    [row] = Delivery.objects.filter(execution_id=execution.pk, outcome=3)
    assert (row.reason, row.attempts) == ("retries_exhausted", 3)


def test_throttling_spends_no_attempt(workspace: Workspace) -> None:
    rules(workspace, busy="throttled")
    make_contact(workspace, email="a@busy.test")
    execution = deliver(make_execution(workspace))
    for _ in range(10):
        make_due(execution)
        drain_all(execution)
    [parked] = Batch.objects.filter(execution=execution, state=BatchState.OPEN)
    assert (parked.attempt, parked.reason) == (0, "throttled")
    rules(workspace)
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 1}


def test_no_answer_is_unknown_and_held(workspace: Workspace) -> None:
    rules(workspace, silent="unknown")
    make_contact(workspace, email="a@silent.test")
    execution = deliver(make_execution(workspace))
    assert (execution.state, counts(execution)) == (State.FINISHED, {"unknown": 1})
    [row] = Delivery.objects.filter(execution_id=execution.pk)
    assert (row.outcome, row.attempts) == (4, 1)


def test_no_answer_is_sent_again_where_the_campaign_says_so(workspace: Workspace) -> None:
    rules(workspace, silent="unknown")
    make_contact(workspace, email="a@silent.test")
    execution = deliver(make_execution(workspace, on_unknown="resend"))
    rules(workspace)
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 1}
    assert {message.delivery_id for message in outbox(execution)} == {outbox(execution)[0].delivery_id}


def test_a_provider_that_takes_nothing_is_waited_for(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SECONDS", 600)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_SECONDS", 600)
    rules(workspace, example="unavailable")
    make_contacts(workspace, 3)
    execution = deliver(make_execution(workspace))
    assert execution.state == State.RUNNING and counts(execution) == {}
    provider = Provider.objects.get(workspace=workspace)
    assert provider.failures == 1 and provider.unavailable_until is not None
    reason = execution.state_reason
    assert reason is not None
    assert reason["code"] == "provider_unavailable" and reason["message"].startswith(f"{provider.name}: ")
    assert reason["retry_at"].endswith("Z")
    rules(workspace)
    Provider.objects.filter(pk=provider.pk).update(unavailable_until="2020-01-01T00:00:00Z")
    drain_all(execution)
    provider.refresh_from_db()
    assert (execution.state, execution.state_reason, counts(execution)) == (State.FINISHED, None, {"sent": 3})
    assert provider.failures == 0 and not provider.unavailable_until
    assert all(row.attempts == 1 for row in Delivery.objects.filter(execution_id=execution.pk))


def test_a_provider_that_is_misconfigured_is_waited_for(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(config={"colour": "red"})
    make_contact(workspace)
    execution = deliver(make_execution(workspace))
    assert execution.state == State.RUNNING
    assert "colour" in str(execution.state_reason)


def test_a_paused_execution_hands_nothing_over(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = make_execution(workspace)
    plan(execution.pk)
    Execution.objects.filter(pk=execution.pk).update(state=State.PAUSED)
    drain_all(execution)
    assert outbox(execution) == []
    Execution.objects.filter(pk=execution.pk).update(state=State.RUNNING)
    assert counts(drain_all(execution)) == {"sent": 1}


def test_what_is_left_of_a_cancelled_execution_is_skipped(workspace: Workspace) -> None:
    rules(workspace, busy="retry")
    make_contacts(workspace, 2)
    make_contact(workspace, email="a@busy.test")
    execution = deliver(make_execution(workspace))
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.CANCELLED, {"sent": 2, "skipped": 1})
    assert ledger(execution)[-1][2:] == ("skipped", "cancelled")


def test_messages_of_a_repeated_ledger_row_keep_the_first(workspace: Workspace) -> None:
    person = make_contact(workspace)
    execution = make_execution(workspace)
    plan(execution.pk)
    address = person.addresses.get()
    Delivery.objects.bulk_create(
        [
            Delivery(
                launched_on=execution.launched_on,
                execution_id=execution.pk,
                contact_id=person.pk,
                address_id=address.pk,
                workspace_id=workspace.pk,
                outcome=4,
                attempts=1,
                recorded_at="2026-01-01T00:00:00Z",
            )
        ]
    )
    drain_all(execution)
    assert ledger(execution) == [(person.pk, address.pk, "unknown", None)]


def test_what_can_no_longer_be_rendered_can_still_be_cancelled(workspace: Workspace) -> None:
    make_contacts(workspace, 2)
    execution = make_execution(workspace)
    plan(execution.pk)
    version = execution.template_version
    type(version).objects.filter(pk=version.pk).update(content={"subject": "{{ oh", "html": "x", "text": ""})
    drain(open_lanes(execution.pk)[0])
    execution.refresh_from_db()
    assert execution.state_reason and execution.state_reason["code"] == "unusable_content"
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    drain_all(execution)
    assert (execution.state, counts(execution)) == (State.CANCELLED, {"skipped": 2})


def test_preferences_have_a_page_of_their_own(workspace: Workspace) -> None:
    content = {"subject": "s", "html": "<a href='{{ unsubscribe_url }}'></a>", "text": "{{ preferences_url }}"}
    make_contact(workspace)
    campaign = make_campaign(workspace, template=make_template(workspace, content=content))
    [message] = outbox(deliver(make_execution(workspace, campaign=campaign)))
    token = message.content["html"].split("/u/")[1].split("'")[0]
    assert message.content["text"].strip() == preferences_url(token)


def test_the_database_url_may_say_how_long_to_wait_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"connect_timeout": 3})
    assert runtime().run(runtime().connection()).closed is False
