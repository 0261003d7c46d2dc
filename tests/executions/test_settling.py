"""Settling what is unknown by hand: from unknown only, with the counts, once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from audiences.models import Contact
from common.authorship import Actor
from common.errors import Invalid, NotFound
from executions.models import Batch, Delivery, Execution, FrequencyUse
from executions.reading.progress import progress_of
from executions.settling.unknowns import Settled, settle_unknown
from executions.states import BatchState, Outcome, State
from tests.executions.ledger_rows import launched, make_batch, make_delivery
from tests.executions.rows import ledger
from tests.executions.work import deliver
from tests.factories import make_address, make_campaign, make_cap, make_contact, make_contacts
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db(transaction=True)
ANA = Actor(kind="user", id=1, name="ana", author_id=1)
SENT, FAILED, UNKNOWN = Outcome.SENT, Outcome.FAILED, Outcome.UNKNOWN


@pytest.fixture
def people(workspace: Workspace) -> list[Contact]:
    return make_contacts(workspace, 4)


@pytest.fixture
def execution(workspace: Workspace, people: list[Contact]) -> Execution:
    """Of four people one was sent to; three are unknown."""
    execution = launched(make_campaign(workspace), state=State.RUNNING, size=4)
    for contact, outcome in zip(people, (SENT, UNKNOWN, UNKNOWN, UNKNOWN), strict=True):
        make_delivery(execution, contact, contact.addresses.get(), outcome=outcome)
    make_batch(execution, 4, state=BatchState.CLOSED, sent=1, unknown=3)
    return execution


def ids(execution: Execution, *places: int) -> list[str]:
    rows = ledger(execution)
    return [f"{execution.pk}-{rows[place][0]}-{rows[place][1]}" for place in places]


def settle(execution: Execution, outcome: Outcome, named: list[str] | None = None, note: str = "") -> Settled:
    return settle_unknown(
        execution_id=execution.pk,
        workspace_id=execution.workspace_id,
        outcome=outcome,
        delivery_ids=named,
        note=note,
        actor=ANA,
    )


def counted(execution: Execution) -> dict[str, int]:
    counts = progress_of([execution])[execution.pk].counts
    return {name: number for name, number in counts.items() if number}


def recorded(execution: Execution) -> dict[str, int]:
    outcomes = [row[2] for row in ledger(execution)]
    return {name: outcomes.count(name) for name in outcomes}


def test_those_that_are_named_are_settled(execution: Execution) -> None:
    assert settle(execution, SENT, ids(execution, 1, 3), "in the relay's log") == Settled(2, 0, 1)
    assert [row[2:] for row in ledger(execution)] == [("sent", None), ("sent", None), ("unknown", None), ("sent", None)]
    assert counted(execution) == recorded(execution) == {"sent": 3, "unknown": 1}
    row = Delivery.objects.get(contact_id=ledger(execution)[1][0])
    assert (row.detail, row.sent_at) == ("Settled by hand as sent by ana. in the relay's log", None)


def test_all_are_settled(execution: Execution) -> None:
    assert settle(execution, FAILED) == Settled(3, 0, 0)
    assert [row[2:] for row in ledger(execution)][1:] == [("failed", "settled")] * 3
    assert counted(execution) == recorded(execution) == {"sent": 1, "failed": 3}
    assert progress_of([execution])[execution.pk].reasons["failed"] == {"settled": 3}


def test_the_counts_add_up_however_often_it_is_done(execution: Execution) -> None:
    for place, outcome in ((1, SENT), (2, FAILED), (3, FAILED)):
        settle(execution, outcome, ids(execution, place))
        assert counted(execution) == recorded(execution)
    assert progress_of([execution])[execution.pk].reasons["failed"] == {"settled": 2}
    assert Batch.objects.filter(execution=execution).count() == 2


def test_asking_again_changes_nothing(execution: Execution) -> None:
    named = ids(execution, 1, 2)
    settle(execution, SENT, named)
    before = list(Delivery.objects.order_by("contact_id").values())
    assert settle(execution, SENT, named) == Settled(0, 2, 1)
    assert settle(execution, SENT, ids(execution, 1, 1, 3)) == Settled(1, 1, 0)
    assert list(Delivery.objects.order_by("contact_id").values())[:3] == before[:3]
    assert AuditEntry.objects.filter(action="settled").count() == 2


def test_what_is_not_unknown_is_refused_and_keeps_all_from_being_settled(execution: Execution) -> None:
    with pytest.raises(Invalid) as refused:
        settle(execution, FAILED, ids(execution, 1, 0))
    assert [(error.field, error.code) for error in refused.value.errors] == [("delivery_ids[1]", "not_unknown")]
    assert counted(execution) == recorded(execution) == {"sent": 1, "unknown": 3}


@pytest.mark.parametrize("text", ["", "x", "1-2", "1-2-3-4", "-1-2-3", "1-2-x", "١-1-1", "9" * 70, f"1-{2**63}-1"])
def test_an_id_that_is_none_is_not_found(text: str, execution: Execution) -> None:
    with pytest.raises(Invalid) as refused:
        settle(execution, SENT, [*ids(execution, 1), text])
    assert [(error.field, error.code) for error in refused.value.errors] == [("delivery_ids[1]", "not_found")]
    assert counted(execution)["unknown"] == 3


def test_ids_of_another_execution_are_not_found_as_those_that_nobody_has(
    execution: Execution, workspace: Workspace, people: list[Contact]
) -> None:
    other = launched(make_campaign(workspace), state=State.RUNNING, size=1)
    make_delivery(other, people[0], people[0].addresses.get(), outcome=UNKNOWN)
    foreign = f"{execution.pk}-{people[0].pk}-0"
    with pytest.raises(Invalid) as refused:
        settle(execution, SENT, [*ids(other, 0), foreign])
    assert {error.code for error in refused.value.errors} == {"not_found"}
    with pytest.raises(Invalid):
        settle(execution, SENT, [foreign])


def test_an_execution_of_another_workspace_is_not_there(execution: Execution, other_workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        settle_unknown(
            execution_id=execution.pk,
            workspace_id=other_workspace.pk,
            outcome=SENT,
            delivery_ids=None,
            note="",
            actor=ANA,
        )


def test_many_errors_are_cut_short(execution: Execution) -> None:
    with pytest.raises(Invalid) as refused:
        settle(execution, SENT, ["x"] * 150)
    assert len(refused.value.errors) == 100 and "50 more" in refused.value.detail


def test_who_did_it_is_kept(execution: Execution) -> None:
    settle(execution, FAILED, note="lost")
    entry = AuditEntry.objects.get(action="settled")
    assert (entry.actor_name, entry.object_id) == ("ana", execution.pk)
    assert entry.details == {"outcome": "failed", "deliveries": 3, "note": "lost"}


def test_two_people_at_once_settle_each_row_once(execution: Execution) -> None:
    named = ids(execution, 1, 2, 3)

    def ask(outcome: Outcome) -> Any:
        try:
            return settle(execution, outcome, named)
        except Invalid:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        done = [one for one in pool.map(ask, [SENT, FAILED] * 4) if one]
    assert sum(one.settled for one in done) == 3
    assert counted(execution) == recorded(execution)


def _uses(workspace: Workspace) -> dict[int, int]:
    return {use.contact_id: len(use.ats) for use in FrequencyUse.objects.filter(workspace_id=workspace.pk)}


def in_doubt(workspace: Workspace, contact: Contact) -> Execution:
    """Sent to everyone under a cap, and then unknown."""
    make_cap(workspace, max=1, window_seconds=3600)
    execution = deliver(launched(make_campaign(workspace)))
    assert _uses(workspace) == {contact.pk: 1}
    moved = Delivery.objects.filter(execution_id=execution.pk, contact_id=contact.pk).update(outcome=UNKNOWN)
    Batch.objects.filter(execution=execution).update(sent=0, unknown=moved)
    return execution


def test_a_use_of_the_caps_is_given_back_where_it_failed(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    settle(in_doubt(workspace, contact), FAILED)
    assert _uses(workspace) == {contact.pk: 0}


def test_a_use_of_the_caps_is_kept_where_it_was_sent(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    settle(in_doubt(workspace, contact), SENT)
    assert _uses(workspace) == {contact.pk: 1}


def test_a_use_is_kept_as_long_as_another_address_of_the_contact_may_have_been_sent_to(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    make_address(contact, value="second@example.test")
    execution = in_doubt(workspace, contact)
    settle(execution, FAILED, ids(execution, 0))
    assert _uses(workspace) == {contact.pk: 1}
    settle(execution, FAILED, ids(execution, 1))
    assert _uses(workspace) == {contact.pk: 0}
