"""What is done by hand after trouble: unknown deliveries settled, the failed retried, a batch let out of quarantine."""

from collections.abc import Callable

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from audiences.models import Contact
from executions.delivery.partitions import ensure_partition
from executions.models import Delivery, Execution
from executions.states import BatchState, Outcome, State
from tests.executions.ledger_rows import make_batch, make_delivery
from tests.factories import make_campaign, make_contacts, make_execution, make_quarantined
from workspaces.models import Workspace

Picture = Callable[[str], None]
OUTCOMES = (Outcome.SENT, Outcome.FAILED, Outcome.UNKNOWN, Outcome.UNKNOWN)


@pytest.fixture
def people(workspace: Workspace) -> list[Contact]:
    return make_contacts(workspace, len(OUTCOMES))


@pytest.fixture
def ended(workspace: Workspace, people: list[Contact]) -> Execution:
    """Finished: one sent, one failed, two unknown."""
    campaign = make_campaign(workspace, name="Troubled news")
    execution = make_execution(campaign, state=State.FINISHED, size=len(people))
    ensure_partition(execution.launched_on)
    for contact, outcome in zip(people, OUTCOMES, strict=True):
        reason = "rejected" if outcome is Outcome.FAILED else None
        make_delivery(execution, contact, contact.addresses.get(), outcome=outcome, reason=reason)
    make_batch(execution, 4, state=BatchState.CLOSED, sent=1, failed=1, unknown=2, reasons={"failed": {"rejected": 1}})
    return execution


def live(admin: Page, execution: Execution) -> None:
    admin.goto(f"/admin/executions/execution/{execution.pk}/live/")


def test_the_unknown_are_settled_and_the_failed_retried(
    admin: Page, ended: Execution, people: list[Contact], picture: Picture
) -> None:
    live(admin, ended)
    picture("live-troubled")
    admin.get_by_role("link", name="Settle 2 unknown…").click()
    admin.get_by_label(f"Choose {people[2].external_id}").check()
    picture("deliveries-unknown")
    admin.get_by_role("button", name="Settle as failed…").click()
    expect(admin.get_by_text("This can't be undone.")).to_be_visible()
    admin.get_by_label("How do you know?").fill("The relay's log has no trace of it")
    picture("settle")
    admin.get_by_role("button", name="Settle 1 as failed").click()
    expect(admin.get_by_text("1 delivery was settled as failed. Still unknown: 1.")).to_be_visible()
    admin.get_by_label("All 1 that are unknown").check()
    admin.get_by_role("button", name="Settle as sent…").click()
    admin.get_by_role("button", name="Settle 1 as sent").click()
    expect(admin.get_by_role("link", name="unknown…")).to_be_hidden()
    admin.get_by_role("link", name="Retry 2 failed…").click()
    picture("retry")
    admin.get_by_role("button", name="Retry", exact=True).click()
    expect(admin.locator("[data-live=state]")).to_have_text("Finished")
    expect(admin.locator("[data-live=outcomes] tr", has_text="Sent")).to_contain_text("2")
    admin.get_by_role("link", name=f"Troubled news #{ended.pk}").click()
    expect(admin.get_by_text("Retried by")).to_be_visible()
    expect(admin.get_by_role("link", name="failed…")).to_be_hidden()
    retry = Execution.objects.get(retry_of=ended)
    found = Delivery.objects.filter(execution_id=retry.pk).values_list("contact_id", "outcome")
    assert sorted(found) == [(people[1].pk, Outcome.SENT), (people[2].pk, Outcome.SENT)]


def test_a_batch_leaves_the_quarantine(
    admin: Page, workspace: Workspace, people: list[Contact], picture: Picture
) -> None:
    campaign = make_campaign(workspace, name="Set aside")
    with transaction.atomic():  # a sweep in between would find an execution without work, and finish it
        execution = make_execution(campaign, state=State.RUNNING, size=len(people))
        batch = make_quarantined(execution, people)
        batch.worker_crashes.create(workspace_id=workspace.pk, host="worker-1", first=0, stop=4)
    ensure_partition(execution.launched_on)
    live(admin, execution)
    expect(admin.get_by_text("Nobody else is left")).to_be_visible()
    picture("live-set-aside")
    admin.get_by_role("link", name="Look at what is set aside").click()
    expect(admin.get_by_text("The worker died without a word.")).to_be_visible()
    picture("quarantine")
    admin.get_by_role("button", name="Narrow down").click()
    expect(admin.get_by_text("Nothing is set aside.")).to_be_visible()
    live(admin, execution)
    expect(admin.locator("[data-live=state]")).to_have_text("Finished")
