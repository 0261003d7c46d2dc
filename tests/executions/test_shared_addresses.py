"""Of recipients with one address, one is planned, whatever changes between the pages of the plan."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from audiences.models import Address, Contact, ListMembership
from executions.delivery import planning, shared_addresses
from executions.delivery.classify import contacts_sql
from executions.delivery.partitions import ensure_partition
from executions.delivery.planning import Planned, plan
from executions.models import Batch, Execution, SharedAddress
from tests.executions.rows import ledger, make_execution
from tests.factories import make_address, make_app, make_contact, make_contacts, make_list, make_workspace
from tests.waiting import PATIENCE
from workspaces.models import Workspace

SHARED = "same@example.test"

# Rows must be of committed transactions: what is written since is told by who wrote it.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture(autouse=True, params=[0, 10_000], ids=["frozen", "probed"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_addresses, "PROBE_COST", 10_000 - request.param)
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 1)
    monkeypatch.setattr(planning, "TURN_SECONDS", PATIENCE)


def plan_with(execution: Execution, after_page: int, change: Callable[[], object]) -> None:
    """Plans, and makes the change when so many pages of one contact are planned."""
    held = planning._acquire(execution.pk)
    assert held is not None
    ensure_partition(held.launched_on)
    for _ in range(after_page):
        assert planning._plan_page(held)
    change()
    planning._let_go(held)
    assert plan(execution.pk) is Planned.DONE
    execution.refresh_from_db()
    assert execution.size == len(sendable(execution)) + len(ledger(execution))
    assert not SharedAddress.objects.exists()


def sendable(execution: Execution) -> list[int]:
    """The contacts planned, with as many addresses as they were planned with."""
    batches = Batch.objects.filter(execution=execution).select_related("recipients").order_by("id")
    return [contact for batch in batches for contact in batch.recipients.contact_ids]


def reasons(execution: Execution) -> dict[int, str | None]:
    return {contact: reason for contact, _address, _outcome, reason in ledger(execution)}


def nothing() -> None:
    pass


def test_the_lowest_contact_that_can_be_sent_to_keeps_a_shared_address(workspace: Workspace) -> None:
    gone, first, _other = (make_contact(workspace, email=value) for value in (SHARED, SHARED, "other@example.test"))
    second, third = make_contact(workspace, email=SHARED), make_contact(workspace, email=SHARED)
    Address.objects.filter(contact=gone).update(consent="unsubscribed")
    execution = make_execution(workspace)
    plan_with(execution, 0, nothing)
    assert reasons(execution) == {
        gone.pk: "unsubscribed",
        second.pk: "duplicate_address",
        third.pk: "duplicate_address",
    }
    assert sendable(execution) == [first.pk, _other.pk]


def test_an_address_that_a_later_contact_is_given_meanwhile_is_planned_once(workspace: Workspace) -> None:
    first, _between, last = (make_contact(workspace, email=f"{n}@example.test") for n in range(3))
    Address.objects.filter(contact=first).update(value=SHARED)
    execution = make_execution(workspace)
    plan_with(execution, 2, lambda: make_address(last, value=SHARED))
    assert sendable(execution) == [first.pk, _between.pk, last.pk]
    assert ledger(execution) == [
        (last.pk, Address.objects.get(contact=last, value=SHARED).pk, "skipped", "duplicate_address")
    ]


def test_an_address_that_an_earlier_contact_is_given_meanwhile_is_planned_once(workspace: Workspace) -> None:
    first, second, last = make_contact(workspace), make_contact(workspace), make_contact(workspace, email=SHARED)
    execution = make_execution(workspace)
    plan_with(execution, 1, lambda: make_address(second, value=SHARED))
    assert sendable(execution) == [first.pk, second.pk, second.pk]
    assert reasons(execution) == {last.pk: "duplicate_address"}


def test_both_holders_on_one_page_are_planned_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 2)
    _before = make_contacts(workspace, 2)
    old, new = make_contact(workspace, email=SHARED), make_contact(workspace)
    execution = make_execution(workspace)
    plan_with(execution, 1, lambda: make_address(new, value=SHARED))
    assert sendable(execution).count(old.pk) == 1 and sendable(execution).count(new.pk) == 1
    assert reasons(execution) == {new.pk: "duplicate_address"}


def test_who_was_planned_keeps_the_address_after_unsubscribing(workspace: Workspace) -> None:
    first, second, _last = (
        make_contact(workspace, email=SHARED),
        make_contact(workspace, email=SHARED),
        make_contact(workspace),
    )
    execution = make_execution(workspace)
    plan_with(execution, 1, lambda: Address.objects.filter(contact=first).update(consent="unsubscribed"))
    assert sendable(execution) == [first.pk, _last.pk]
    assert reasons(execution) == {second.pk: "duplicate_address"}


def test_who_subscribes_too_late_keeps_the_address_from_nobody(workspace: Workspace) -> None:
    first, second = make_contact(workspace, email=SHARED), make_contact(workspace, email=SHARED)
    Address.objects.filter(contact=first).update(consent="unsubscribed")
    execution = make_execution(workspace)
    plan_with(execution, 1, lambda: Address.objects.filter(contact=first).update(consent="subscribed"))
    assert reasons(execution) == {first.pk: "unsubscribed"}
    assert sendable(execution) == [second.pk]


def test_who_is_planned_and_leaves_the_list_keeps_the_address(workspace: Workspace) -> None:
    first, second, _last = (
        make_contact(workspace, email=SHARED),
        make_contact(workspace, email=SHARED),
        make_contact(workspace),
    )
    audience = make_list(workspace, [first, second, _last])
    execution = make_execution(workspace, audience={"type": "list", "id": audience.pk})
    plan_with(execution, 1, lambda: ListMembership.objects.filter(list=audience, contact_id=first.pk).delete())
    assert sendable(execution) == [first.pk, _last.pk]
    assert reasons(execution) == {second.pk: "duplicate_address"}


def test_two_that_join_the_list_meanwhile_are_planned_once(workspace: Workspace) -> None:
    first, second, third = make_contact(workspace), *(make_contact(workspace, email=SHARED) for _ in range(2))
    fourth = make_contact(workspace)
    audience = make_list(workspace, [first, fourth])
    execution = make_execution(workspace, audience={"type": "list", "id": audience.pk})

    def join() -> None:
        for contact in (second, third):
            ListMembership.objects.create(list=audience, contact=contact, workspace_id=workspace.pk)

    plan_with(execution, 1, join)
    assert sendable(execution) == [first.pk, second.pk, fourth.pk]
    assert reasons(execution) == {third.pk: "duplicate_address"}


def test_an_address_that_was_being_written_when_planning_began_is_planned_once(workspace: Workspace) -> None:
    """Its transaction is older than the plan, and commits between two pages."""
    first, second = make_contact(workspace, email=SHARED), make_contact(workspace)
    execution = make_execution(workspace)
    other = connection.copy()
    try:
        with transaction.atomic():
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO audiences_address (workspace_id, contact_id, type, value, platform, state, consent,"
                    " consent_source) VALUES (%s, %s, 'email', %s, '', 'active', 'subscribed', '')",
                    [workspace.pk, second.pk, SHARED],
                )
        plan_with(execution, 1, other.commit)
    finally:
        other.close()
    assert sendable(execution) == [first.pk, second.pk]
    assert reasons(execution) == {second.pk: "duplicate_address"}


def test_a_planner_that_died_is_resumed_with_what_was_given_away(workspace: Workspace) -> None:
    first, second = make_contact(workspace, email=SHARED), make_contact(workspace, email=SHARED)
    execution = make_execution(workspace)

    def die() -> None:
        assert list(SharedAddress.objects.values_list("value", "taken")) == [(SHARED, True)]
        Execution.objects.filter(pk=execution.pk).update(plan_lease_until="2020-01-01T00:00:00Z")

    plan_with(execution, 1, die)
    assert sendable(execution) == [first.pk]
    assert reasons(execution) == {second.pk: "duplicate_address"}


def test_the_first_of_two_planners_freezes(workspace: Workspace) -> None:
    for _ in range(2):
        make_contact(workspace, email=SHARED)
    execution = make_execution(workspace)
    held = planning._acquire(execution.pk)
    assert held is not None
    everyone = contacts_sql(held.scope, until=held.until)
    first = shared_addresses.freeze(held.scope, everyone)
    rows = list(SharedAddress.objects.values_list("value", "taken"))
    for _ in range(2):
        make_contact(workspace, email="another@example.test")
    assert shared_addresses.freeze(held.scope, everyone) == first
    assert list(SharedAddress.objects.values_list("value", "taken")) == rows


def test_devices_are_no_duplicates(workspace: Workspace) -> None:
    app, other = make_app(workspace), make_app(workspace)
    contact, second = make_contact(workspace, app=app), make_contact(workspace, app=other)
    make_address(contact, "push", app=other, value="token")
    make_address(second, "push", app=app, value="token")
    execution = make_execution(workspace, type="push", app_ids=[app.app_id, other.app_id])
    plan_with(execution, 1, nothing)
    assert sendable(execution) == [contact.pk, contact.pk, second.pk, second.pk]


def test_a_planner_that_died_after_an_only_page_is_resumed_with_nobody_new(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 4)
    first, second = make_contact(workspace, email=SHARED), make_contact(workspace, email=SHARED)
    chosen = make_list(workspace, [first])
    execution = make_execution(workspace, audience={"type": "list", "id": chosen.pk})
    held = planning._acquire(execution.pk)
    assert held is not None
    ensure_partition(held.launched_on)
    assert planning._plan_page(held) is False
    ListMembership.objects.create(list=chosen, contact=second, workspace_id=workspace.pk)
    Execution.objects.filter(pk=execution.pk).update(plan_lease_until="2020-01-01T00:00:00Z")
    assert plan(execution.pk) is Planned.DONE
    assert sendable(execution) == [first.pk]


def test_an_audience_of_one_page_freezes_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 4)
    people: list[Contact] = [make_contact(workspace, email=SHARED) for _ in range(3)]
    execution = make_execution(workspace)
    plan_with(execution, 0, nothing)
    assert execution.plan_horizon is None
    assert sendable(execution) == [people[0].pk]
    assert set(reasons(execution).values()) == {"duplicate_address"}
