"""Counts, reasons, rate: derived from batches, whatever the moment."""

from datetime import timedelta

import pytest

from executions.models import Execution
from executions.reading.progress import (
    Progress,
    actions,
    eta_seconds,
    execution_wire,
    progress_of,
    rate_per_second,
    share_done,
    state_reason,
)
from executions.states import BatchState, State
from tests.executions.ledger_rows import AT, launched, make_batch, make_delivery, make_receipt
from tests.factories import make_campaign, make_contact
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def execution(workspace: Workspace) -> Execution:
    make_contact(workspace)
    return launched(
        make_campaign(workspace),
        state="running",
        size=10006,
        planned_skips={"unreachable": 3, "frequency_cap": 2},
        started_at=AT,
    )


def test_counts_add_up_to_the_size(execution: Execution) -> None:
    make_batch(execution, 5000, sent=5000, state=BatchState.CLOSED)
    make_batch(
        execution,
        5001,
        sent=1000,
        skipped=9,
        failed=1,
        unknown=2,
        parked=91,
        reasons={"skipped": {"missing_variable": 9}, "failed": {"rejected": 1}},
    )
    make_batch(execution, 91, reason="retry", attempt=1)
    progress = progress_of([execution])[execution.pk]
    assert progress.counts == {"sent": 6000, "skipped": 14, "failed": 1, "unknown": 2, "pending": 3989}
    assert sum(progress.counts.values()) == execution.size
    assert progress.reasons == {
        "skipped": {"missing_variable": 9, "unreachable": 3, "frequency_cap": 2},
        "failed": {"rejected": 1},
        "pending": {"ready": 3898, "retry": 91},
    }
    assert share_done(execution, progress) == 0.6


def test_reasons_of_many_batches_are_summed(execution: Execution) -> None:
    for _ in range(3):
        make_batch(execution, 2, skipped=2, reasons={"skipped": {"unreachable": 1, "cancelled": 1}})
    progress = progress_of([execution])[execution.pk]
    assert progress.reasons["skipped"] == {"unreachable": 6, "frequency_cap": 2, "cancelled": 3}
    assert progress.counts["skipped"] == 11


def test_an_execution_that_is_not_planned_has_no_size_and_zeros(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = launched(make_campaign(workspace))
    wire = execution_wire(execution, progress_of([execution])[execution.pk])
    assert wire["size"] is None
    assert wire["counts"] == {"sent": 0, "skipped": 0, "failed": 0, "unknown": 0, "pending": 0}
    assert wire["reasons"] == {"skipped": {}, "failed": {}, "pending": {}}
    assert (wire["progress"], wire["rate_per_second"], wire["eta_seconds"]) == (0.0, 0.0, None)


def test_receipts_count_recipients_and_not_events(execution: Execution, workspace: Workspace) -> None:
    one, two = make_contact(workspace), make_contact(workspace)
    first = make_delivery(execution, one, one.addresses.get())
    second = make_delivery(execution, two, two.addresses.get())
    for delivery, kind in ((first, "opened"), (first, "opened"), (second, "opened"), (second, "unsubscribed")):
        make_receipt(delivery, kind)
    receipts = progress_of([execution])[execution.pk].receipts
    assert receipts == {
        "delivered": 0,
        "opened": 2,
        "clicked": 0,
        "bounced": 0,
        "complained": 0,
        "unsubscribed": 1,
    }


def test_rate_and_eta_go_by_what_was_handled_since_the_start(execution: Execution) -> None:
    make_batch(execution, 10001, sent=5000)
    progress = progress_of([execution])[execution.pk]
    rate = rate_per_second(execution, progress, now=AT + timedelta(seconds=10))
    assert rate == 500.0
    assert eta_seconds(execution, progress, rate) == 10
    execution.cut_off_at, execution.cut_off_last = AT + timedelta(seconds=14), AT + timedelta(seconds=90)
    assert eta_seconds(execution, progress, rate, now=AT + timedelta(seconds=10)) == 4
    assert eta_seconds(execution, progress, rate, now=AT + timedelta(seconds=15)) == 0


@pytest.mark.parametrize("change", [{"state": "paused"}, {"state_reason": {"code": "provider_unavailable"}}])
def test_what_waits_has_no_rate(execution: Execution, change: dict[str, object]) -> None:
    make_batch(execution, 10001, sent=5000)
    for name, value in change.items():
        setattr(execution, name, value)
    progress = progress_of([execution])[execution.pk]
    assert rate_per_second(execution, progress, now=AT + timedelta(seconds=10)) == 0.0
    assert eta_seconds(execution, progress, 0.0) is None


def test_a_finished_one_keeps_the_rate_it_had(execution: Execution) -> None:
    make_batch(execution, 10001, sent=10001)
    execution.state, execution.finished_at = State.FINISHED, AT + timedelta(seconds=100)
    progress = progress_of([execution])[execution.pk]
    assert rate_per_second(execution, progress) == 100.0
    assert share_done(execution, progress) == 1.0


def test_progress_is_one_only_when_nobody_is_left(execution: Execution) -> None:
    make_batch(execution, 10001, sent=10000)
    assert share_done(execution, progress_of([execution])[execution.pk]) == 0.99


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("awaiting_approval", ["cancel"]),
        ("scheduled", ["pause", "cancel"]),
        ("planning", ["pause", "cancel"]),
        ("running", ["pause", "cancel"]),
        ("paused", ["resume", "cancel"]),
        ("cancelling", []),
        ("finished", []),
        ("cancelled", []),
    ],
)
def test_actions_are_the_moves_that_the_state_allows(state: str, expected: list[str]) -> None:
    assert actions(Execution(state=state), Progress()) == expected


def test_an_ended_execution_is_retried_where_somebody_failed_and_once(execution: Execution) -> None:
    make_batch(execution, 9, sent=8, failed=1)
    progress = progress_of([execution])[execution.pk]
    for state, expected in (("running", ["pause", "cancel"]), ("finished", ["retry-failed"]), ("rejected", [])):
        execution.state = state
        assert actions(execution, progress) == expected
    progress.retried_by = 7
    execution.state = "finished"
    assert actions(execution, progress) == []


def test_batches_set_aside_are_said_and_do_not_seem_to_hang(execution: Execution) -> None:
    make_batch(execution, 1000, sent=300, state=BatchState.QUARANTINED)
    left = make_batch(execution, 500)
    progress = progress_of([execution])[execution.pk]
    assert progress.reasons["pending"] == {"set_aside": 700, "ready": 500}
    reason = state_reason(execution, progress)
    assert reason is not None and reason["message"].startswith("700 recipients are set aside")
    assert "Nobody else" not in reason["message"]
    assert rate_per_second(execution, progress, now=AT + timedelta(seconds=10)) > 0
    left.delete()
    progress = progress_of([execution])[execution.pk]
    reason = state_reason(execution, progress)
    assert reason is not None and "Nobody else is left" in reason["message"]
    assert rate_per_second(execution, progress, now=AT + timedelta(seconds=10)) == 0.0


def test_what_an_execution_says_itself_comes_before_what_is_set_aside(execution: Execution) -> None:
    make_batch(execution, 10, state=BatchState.QUARANTINED)
    execution.state_reason = {"code": "paused", "message": "Paused by ana.", "retry_at": None}
    progress = progress_of([execution])[execution.pk]
    assert state_reason(execution, progress) == execution.state_reason


def test_many_executions_take_three_queries(
    workspace: Workspace, django_assert_num_queries: "pytest.FixtureRequest"
) -> None:
    make_contact(workspace)
    executions = [launched(make_campaign(workspace)) for _ in range(3)]
    for execution in executions:
        make_batch(execution, 5, sent=execution.pk % 3)
    with django_assert_num_queries(3):  # type: ignore[operator]
        found = progress_of(executions)
    assert [found[one.pk].counts["sent"] for one in executions] == [one.pk % 3 for one in executions]
