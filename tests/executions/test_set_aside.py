"""Batches that crashed their worker three times: released, narrowed down, given up."""

from collections.abc import Callable

import pytest

from audiences.models import Contact
from common.authorship import Actor
from common.errors import Conflict, NotFound
from executions.delivery.partitions import ensure_partition
from executions.delivery.recovery import recover
from executions.delivery.runtime import runtime
from executions.delivery.sweeping import merge_fragments
from executions.models import Batch, BatchRecipients, Execution, FrequencyUse
from executions.reading.batches import batch_wires, set_aside_in
from executions.settling.set_aside import PARTS, give_up, narrow, release
from executions.states import BatchState, State
from providers.contract import UNTOUCHED
from tests.executions.dying import die
from tests.executions.rows import ledger, make_execution
from tests.executions.work import counts, drain_all, sweep_all
from tests.factories import make_cap, make_contacts, make_quarantined
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db(transaction=True)
ANA = Actor(kind="user", id=1, name="ana", author_id=1)
MOVES = pytest.mark.parametrize("move", [release, narrow, give_up])
Move = Callable[..., Batch]


@pytest.fixture
def people(workspace: Workspace) -> list[Contact]:
    return make_contacts(workspace, 50)


@pytest.fixture
def batch(workspace: Workspace, people: list[Contact]) -> Batch:
    """50 recipients, of whom nobody was sent to."""
    execution = make_execution(workspace, state=State.RUNNING, size=50)
    ensure_partition(execution.launched_on)
    return make_quarantined(execution, people)


def by_ana(move: Move, batch: Batch) -> Batch:
    execution = batch.execution
    return move(execution_id=execution.pk, workspace_id=execution.workspace_id, batch_id=batch.pk, actor=ANA)


def reread(batch: Batch) -> Execution:
    return Execution.objects.get(pk=batch.execution_id)


def test_nobody_works_on_it_until_something_is_done(batch: Batch) -> None:
    sweep_all()
    assert (reread(batch).state, ledger(batch.execution)) == (State.RUNNING, [])


def test_a_released_one_is_tried_again(batch: Batch) -> None:
    released = by_ana(release, batch)
    assert (released.state, released.crashes) == (BatchState.OPEN, 0)
    execution = drain_all(batch.execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 50})


@pytest.mark.parametrize("reason", ["resend", "retry"])
def test_what_may_have_been_sent_before_still_counts_when_it_is_released(batch: Batch, reason: str) -> None:
    Batch.objects.update(reason=reason)
    assert by_ana(release, batch).reason == {"resend": "resend"}.get(reason, "ready")


def test_narrowed_down_it_is_tried_in_parts_that_hold_everyone_in_order(batch: Batch) -> None:
    by_ana(narrow, batch)
    parts = BatchRecipients.objects.filter(batch__state=BatchState.OPEN).order_by("batch_id")
    before = BatchRecipients.objects.get(batch=batch)
    assert [one for part in parts for one in part.contact_ids] == before.contact_ids
    assert [one for part in parts for one in part.address_ids] == before.address_ids
    assert (len(parts), {len(part.contact_ids) for part in parts}) == (17, {2, 3}) and len(parts) <= PARTS
    execution = drain_all(batch.execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 50})


def test_only_those_left_are_narrowed_down(batch: Batch, people: list[Contact]) -> None:
    Batch.objects.update(position=48, marked_to=48, sent=48)
    by_ana(narrow, batch)
    parts = BatchRecipients.objects.filter(batch__state=BatchState.OPEN).order_by("batch_id")
    assert [part.contact_ids for part in parts] == [[people[48].pk], [people[49].pk]]
    closed = Batch.objects.get(pk=batch.pk)
    assert (closed.state, closed.sent, closed.parked, closed.position) == (BatchState.CLOSED, 48, 2, 50)


def test_one_more_crash_sets_a_part_aside_and_the_sweep_merges_none(batch: Batch) -> None:
    by_ana(narrow, batch)
    execution = batch.execution
    die(execution, [UNTOUCHED])
    recover(runtime())
    merge_fragments()
    drain_all(execution)
    [left] = set_aside_in([execution.workspace_id])
    assert left.size == 3
    assert counts(execution) == {"sent": 47}


def test_a_released_one_is_set_aside_by_three_more_crashes(batch: Batch) -> None:
    by_ana(release, batch)
    for _ in range(3):
        assert Batch.objects.get().state == BatchState.OPEN
        die(batch.execution, [UNTOUCHED])
        recover(runtime())
    assert Batch.objects.get().state == BatchState.QUARANTINED


def test_one_recipient_alone_cannot_be_narrowed_down(batch: Batch) -> None:
    Batch.objects.update(position=49, marked_to=49, sent=49)
    with pytest.raises(Conflict, match="one recipient alone"):
        by_ana(narrow, batch)


def test_given_up_its_people_are_failed_and_the_execution_ends(batch: Batch) -> None:
    Batch.objects.update(position=1, marked_to=1, skipped=1, reasons={"skipped": {"suppressed": 1}})
    Execution.objects.update(size=50)
    closed = by_ana(give_up, batch)
    assert (closed.state, closed.failed, closed.position) == (BatchState.CLOSED, 49, 50)
    assert closed.reasons == {"skipped": {"suppressed": 1}, "failed": {"worker_crashed": 49}}
    assert [row[2:] for row in ledger(batch.execution)] == [("failed", "worker_crashed")] * 49
    assert reread(batch).state == State.FINISHED


def test_what_is_given_up_gives_its_uses_of_the_caps_back(batch: Batch, people: list[Contact]) -> None:
    make_cap(batch.execution.workspace)
    uses = [
        FrequencyUse(
            workspace_id=batch.workspace_id, contact_id=one.pk, ats=[1], executions=[batch.execution_id], kinds=[1]
        )
        for one in people
    ]
    FrequencyUse.objects.bulk_create(uses)
    by_ana(give_up, batch)
    assert {len(use.ats) for use in FrequencyUse.objects.all()} == {0}


@MOVES
def test_what_is_not_set_aside_is_left_alone(move: Move, batch: Batch) -> None:
    for change in ({"state": BatchState.OPEN}, {"state": BatchState.CLOSED}):
        Batch.objects.update(**change)
        with pytest.raises(Conflict, match="only one that is quarantined"):
            by_ana(move, batch)


@MOVES
def test_what_a_worker_holds_for_a_cancelled_execution_is_left_to_it(move: Move, batch: Batch) -> None:
    Batch.objects.update(lease_token="00000000-0000-4000-8000-000000000000")
    with pytest.raises(Conflict, match="being worked on"):
        by_ana(move, batch)


@MOVES
def test_a_batch_of_another_execution_or_workspace_is_not_there(
    move: Move, batch: Batch, workspace: Workspace, other_workspace: Workspace
) -> None:
    other = make_execution(workspace, state=State.RUNNING)
    for execution_id, workspace_id in ((other.pk, workspace.pk), (batch.execution_id, other_workspace.pk)):
        with pytest.raises(NotFound):
            move(execution_id=execution_id, workspace_id=workspace_id, batch_id=batch.pk, actor=ANA)


@MOVES
def test_who_did_it_is_kept(move: Move, batch: Batch) -> None:
    by_ana(move, batch)
    entry = AuditEntry.objects.get(object_type="execution")
    assert (entry.actor_name, entry.details) == ("ana", {"batch_id": batch.pk, "recipients": 50})


def test_a_batch_is_told_with_its_last_crash_and_the_first_of_its_people(batch: Batch, people: list[Contact]) -> None:
    batch.worker_crashes.create(workspace_id=batch.workspace_id, host="old", first=0, stop=0)
    batch.worker_crashes.create(workspace_id=batch.workspace_id, host="worker-1", first=0, stop=20, words="no memory")
    Batch.objects.update(position=10, marked_to=10, sent=10)
    [wire] = batch_wires(list(set_aside_in([batch.workspace_id])))
    assert (wire["left"], wire["state"], wire["crashes"]) == (40, "quarantined", 3)
    assert [one["external_id"] for one in wire["recipients"]] == [one.external_id for one in people[10:15]]
    crash = wire["last_crash"]
    assert (crash["host"], crash["marked"], crash["message"]) == ("worker-1", 10, "no memory")
