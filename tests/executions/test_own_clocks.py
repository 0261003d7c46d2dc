"""Executions by recipients' own clocks, on the real database: planned, held, skipped, and over at the cut-off.

The clock is PostgreSQL's and is not moved: the zones are, `Etc/GMT-6` to `Etc/GMT+6`, and hours are set by now.
"""

from collections import Counter
from datetime import UTC, timedelta
from typing import Any

import pytest

from audiences.models import Address
from campaigns.models import Purpose
from common.authorship import SYSTEM
from executions.delivery import lanes, planning
from executions.delivery.planning import plan
from executions.delivery.sweeping import merge_fragments
from executions.launching.checks import database_time
from executions.launching.retrying import retry_failed
from executions.models import Batch, Delivery, Execution
from executions.quiet_hours.rules import delete_quiet_hours, update_quiet_hours
from executions.reading.progress import eta_seconds, execution_wire, progress_of
from executions.reading.waiting import waiting_in_words
from executions.states import BatchState, State
from providers.models import Provider
from tests.executions.own_clocks import EAST, HOME, HOUR, WEST, by_reason, planned, quiet_now, waits, wall_now
from tests.executions.rows import ledger, make_execution
from tests.executions.work import counts, deliver, drain_all, make_due, sweep_all
from tests.factories import (
    actor_for,
    make_campaign,
    make_cap,
    make_contact,
    make_contacts,
    make_member,
    make_quiet_hours,
    make_suppression,
    make_template,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


# Recipients' own hour


def test_each_zone_is_due_at_its_own_hour(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(timezone=WEST)
    for zone, number in ((EAST, 2), (HOME, 3), (WEST, 1), ("", 2), ("Mars/Olympus", 1)):
        make_contacts(workspace, number, timezone=zone)
    hour = wall_now(8)
    execution = planned(make_execution(workspace, local_time=hour, local_past="skip"))
    noon = hour.replace(tzinfo=UTC)
    assert waits(execution) == {
        ("local_time", noon - 6 * HOUR): 2,
        ("local_time", noon): 3,
        ("local_time", noon + 6 * HOUR): 4,
    }
    assert (execution.state, execution.size) == (State.RUNNING, 9)
    assert lanes.open_lanes(execution.pk) == []


@pytest.mark.parametrize(
    ("past", "at_once", "late", "moved"), [("send_now", 2, 0, 0), ("skip", 0, 2, 0), ("next_day", 0, 0, 2)]
)
def test_a_zone_whose_hour_is_past(workspace: Workspace, past: str, at_once: int, late: int, moved: int) -> None:
    make_contacts(workspace, 2, timezone=EAST)
    make_contacts(workspace, 1, timezone=WEST)
    hour = wall_now(3)
    execution = deliver(make_execution(workspace, local_time=hour, local_past=past))
    noon = hour.replace(tzinfo=UTC)
    expected = {("local_time", noon + 6 * HOUR): 1, ("local_time", noon + 18 * HOUR): moved}
    assert waits(execution) == Counter({key: number for key, number in expected.items() if number})
    assert by_reason(execution) == Counter({key: n for key, n in {"sent": at_once, "cut_off": late}.items() if n})
    assert (execution.size, execution.planned_skips) == (3, {"cut_off": late} if late else {})


def test_when_their_hour_comes_they_are_sent_to(workspace: Workspace) -> None:
    make_contacts(workspace, 2, timezone=EAST)
    make_contacts(workspace, 1, timezone=WEST)
    execution = planned(make_execution(workspace, local_time=wall_now(12), local_past="skip"))
    first = min(not_before for _, not_before in waits(execution))
    Batch.objects.filter(execution=execution, not_before=first).update(not_before=database_time())
    sweep_all()
    assert counts(execution) == {"sent": 2}
    make_due(execution)
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 3})


def test_pages_of_many_zones_become_few_batches_and_nobody_is_lost(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 6)
    for _ in range(4):
        for hours in (-5, -3, 2, 4, 7):
            make_contact(workspace, timezone=f"Etc/GMT{hours:+}")
    make_suppression(workspace, make_contact(workspace, timezone=EAST).addresses.get().value)
    execution = make_execution(workspace, local_time=wall_now(13), local_past="skip")
    with monkeypatch.context() as patched:
        patched.setattr(planning, "TURN_SECONDS", 0.0)
        plan(execution.pk)
        merge_fragments()
    while plan(execution.pk) is planning.Planned.MORE:
        pass
    merge_fragments()
    execution.refresh_from_db()
    assert (execution.size, execution.planned_skips) == (21, {"suppressed": 1})
    assert Counter(waits(execution).values()) == {4: 5}
    assert Batch.objects.filter(execution=execution, state=BatchState.OPEN).count() == 5
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 20, "skipped": 1}
    assert execution.state == State.FINISHED


def test_contacts_who_are_gone_before_a_retry_have_no_clock(workspace: Workspace) -> None:
    """A contact that was deleted is ruled out as that, whatever hour it is."""
    person = make_contact(workspace, timezone=EAST)
    execution = planned(make_execution(workspace, local_time=wall_now(9), local_past="skip"))
    person.delete()
    make_due(execution)
    assert by_reason(drain_all(execution)) == {"deleted": 1}


def test_a_retry_asks_the_clocks_of_whom_the_ledger_names(workspace: Workspace) -> None:
    """Also of those who are gone meanwhile: they have none."""
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@bad.test": "failed"}})
    people = [make_contact(workspace, email=f"{place}@bad.test", timezone=HOME) for place in range(3)]
    first = deliver(make_execution(workspace))
    assert counts(first) == {"failed": 3}
    people[0].delete()
    Address.objects.filter(workspace=workspace).update(state="active")
    quiet_now(workspace)
    made = retry_failed(execution_id=first.pk, workspace_id=workspace.pk, actor=SYSTEM, include=("failed",)).execution
    assert made is not None
    execution = planned(made)
    assert (execution.state, execution.planned_skips, sum(waits(execution).values())) == (
        State.RUNNING,
        {"deleted": 1},
        2,
    )
    assert {reason for reason, _ in waits(execution)} == {"quiet_hours"}
    assert (execution.size, execution.planned_skips) == (3, {"deleted": 1})


def test_without_an_hour_nothing_of_it_is_in_the_plan(workspace: Workspace) -> None:
    make_contacts(workspace, 3, timezone=EAST)
    execution = planned(make_execution(workspace))
    assert {reason for reason, _ in waits(execution)} == {"ready"}


# Quiet hours


def test_who_has_quiet_hours_waits_for_their_end_and_others_do_not(workspace: Workspace) -> None:
    make_contacts(workspace, 2, timezone=HOME)
    make_contacts(workspace, 3, timezone=EAST)
    rule = quiet_now(workspace)
    execution = deliver(make_execution(workspace))
    assert counts(execution) == {"sent": 3}
    [((reason, until), number)] = waits(execution).items()
    assert (reason, number) == ("quiet_hours", 2)
    assert (until.hour * 60 + until.minute, until.second) == (rule.ends, 0)
    make_due(execution)
    drain_all(execution)
    [((reason, again), number)] = waits(execution).items()
    assert (reason, number) == ("quiet_hours", 2)
    assert timedelta(0) <= again - until <= timedelta(minutes=2)
    rule.delete()
    make_due(execution)
    execution = drain_all(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 5})
    assert {row[2] for row in ledger(execution)} == {"sent"}


def test_holding_spends_no_attempt_and_no_use_of_a_cap(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    make_contact(workspace, timezone=HOME)
    waiting = planned(make_execution(workspace))
    rule = quiet_now(workspace)
    drain_all(waiting)
    assert Batch.objects.get(execution=waiting, state=BatchState.OPEN).attempt == 0
    rule.delete()
    assert counts(deliver(make_execution(workspace))) == {"sent": 1}
    make_due(waiting)
    assert by_reason(drain_all(waiting)) == {"frequency_cap": 1}


def test_who_is_skipped_is_named_the_rule(workspace: Workspace) -> None:
    make_cap(workspace, max=1, window_seconds=86_400)
    make_contact(workspace, timezone=HOME)
    make_contact(workspace, timezone=EAST)
    rule = quiet_now(workspace, policy="skip", type="email")
    execution = deliver(make_execution(workspace))
    assert (execution.state, by_reason(execution)) == (State.FINISHED, {"sent": 1, "quiet_hours": 1})
    assert Delivery.objects.get(execution_id=execution.pk, reason="quiet_hours").detail == str(rule)
    rule.delete()
    assert by_reason(deliver(make_execution(workspace))) == {"sent": 1, "frequency_cap": 1}


@pytest.mark.parametrize(("fields", "rule"), [({"purpose": Purpose.TRANSACTIONAL}, {}), ({}, {"type": "sms"})])
def test_transactional_campaigns_and_other_types_are_not_concerned(
    workspace: Workspace, fields: dict[str, Any], rule: dict[str, Any]
) -> None:
    quiet_now(workspace, **rule)
    make_contact(workspace, timezone=HOME)
    assert counts(deliver(make_execution(workspace, **fields))) == {"sent": 1}


def test_the_workspaces_zone_is_that_of_whoever_has_none_that_is_known(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(timezone=EAST)
    for zone in ("", "Mars/Olympus", HOME):
        make_contact(workspace, timezone=zone)
    quiet_now(workspace)
    assert counts(deliver(make_execution(workspace))) == {"sent": 2}


def test_a_missing_variable_comes_before_quiet_hours(workspace: Workspace) -> None:
    template = make_template(
        workspace, content={"subject": "{{ coupon }}", "html": "{{ unsubscribe_url }}", "text": ""}
    )
    make_contact(workspace, timezone=HOME)
    quiet_now(workspace, policy="skip")
    execution = make_execution(workspace, campaign=make_campaign(workspace, template=template))
    assert by_reason(deliver(execution)) == {"missing_variable": 1}


def test_a_change_holds_for_those_who_wait_and_for_a_running_execution(workspace: Workspace) -> None:
    make_contact(workspace, timezone=HOME)
    rule = quiet_now(workspace)
    execution = deliver(make_execution(workspace))
    assert {reason for reason, _ in waits(execution)} == {"quiet_hours"}
    actor = actor_for(make_member(workspace))
    update_quiet_hours(quiet_id=rule.pk, workspace_id=workspace.pk, actor=actor, type="sms")
    assert counts(drain_all(execution)) == {"sent": 1}
    held = deliver(make_execution(workspace, state=State.PLANNING))
    assert counts(held) == {"sent": 1}
    delete_quiet_hours(quiet_id=rule.pk, workspace_id=workspace.pk, actor=actor)


def test_a_change_lets_nobody_go_before_their_own_hour(workspace: Workspace) -> None:
    make_contact(workspace, timezone=HOME)
    hour = wall_now(8)
    minute = hour.hour * 60 + hour.minute
    rule = make_quiet_hours(workspace, starts=(minute - 60) % 1440, ends=(minute + 60) % 1440)
    execution = planned(make_execution(workspace, local_time=hour, local_past="skip"))
    before = waits(execution)
    assert [reason for reason, _ in before] == ["quiet_hours"]
    delete_quiet_hours(quiet_id=rule.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert (counts(drain_all(execution)), waits(execution)) == ({}, before)
    Execution.objects.filter(pk=execution.pk).update(
        local_time=wall_now(-13), planning_began_at=database_time() - 27 * HOUR
    )
    rule = quiet_now(workspace, type="sms")
    delete_quiet_hours(quiet_id=rule.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert counts(drain_all(execution)) == {"sent": 1}


# What is told of it


def test_it_is_told_who_waits_until_when_and_where(workspace: Workspace) -> None:
    make_contacts(workspace, 2, timezone=EAST)
    make_contacts(workspace, 3, timezone=WEST)
    hour = wall_now(12)
    execution = planned(make_execution(workspace, local_time=hour, local_past="skip"))
    progress = progress_of([execution])[execution.pk]
    noon = hour.replace(tzinfo=UTC)
    assert [tuple(one) for one in progress.waiting] == [
        (noon - 6 * HOUR, "local_time", 2),
        (noon + 6 * HOUR, "local_time", 3),
    ]
    assert progress.reasons["pending"] == {"local_time": 5}
    assert eta_seconds(execution, progress, 0.0, now=noon) == 6 * 3600
    assert waiting_in_words(execution, progress.waiting) == [
        f"2 at {hour:%H:%M} in {EAST} ({noon - 6 * HOUR:%Y-%m-%d %H:%M} UTC)",
        f"3 at {hour:%H:%M} in {WEST} ({noon + 6 * HOUR:%Y-%m-%d %H:%M} UTC)",
    ]
    wire = execution_wire(execution, progress)
    assert wire["waiting"][0] == {"until": noon - 6 * HOUR, "reason": "local_time", "count": 2}
    make_due(execution)
    progress = progress_of([execution])[execution.pk]
    assert (progress.waiting, progress.reasons["pending"]) == ([], {"ready": 5})
