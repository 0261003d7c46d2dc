"""Runs of schedules: each made once, with a fresh audience; what is missed, refused or broken is said."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from audiences.models import Contact, Segment
from campaigns.models import Campaign, CampaignState
from common.authorship import Actor
from executions.models import Execution, Schedule
from executions.scheduling.control import cancel_schedule, pause_schedule, resume_schedule
from executions.scheduling.runs import MOST_FAILURES, make_due_runs
from executions.states import State
from providers.models import Provider
from tests.executions.rows import list_of
from tests.executions.work import deliver
from tests.factories import make_campaign, make_contact, make_list, make_schedule, make_segment
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
ACTOR = Actor(kind="user", id=1, name="ana")


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    make_contact(workspace)
    return make_campaign(workspace, name="News")


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes)


def due(campaign: Campaign, *, minutes: float = 1, audience: Any = None, **fields: Any) -> Schedule:
    """Since so many minutes."""
    at = minutes_ago(minutes)
    fields.setdefault("next_run_at", at)
    schedule = make_schedule(campaign, starts=at.replace(tzinfo=None), **fields)
    if audience is not None:
        schedule.request["audience"] = audience
        schedule.save()
    return schedule


def again(schedule: Schedule) -> Any:
    schedule.refresh_from_db()
    return schedule


def test_a_run_is_an_execution_and_the_next_one_is_waited_for(campaign: Campaign) -> None:
    schedule = due(campaign, created_by_name="Ana", created_by_kind="user")
    (execution,) = make_due_runs()
    assert (execution.schedule_id, execution.schedule_run) == (schedule.pk, schedule.next_run)
    assert (execution.state, execution.timezone, execution.created_by_name) == (State.PLANNING, "UTC", "Ana")
    moved = again(schedule)
    assert (moved.runs, moved.missed, moved.failures, moved.state_reason) == (1, 0, 0, None)
    assert moved.next_run == execution.schedule_run + timedelta(days=1)
    assert moved.next_run_at == moved.next_run.replace(tzinfo=UTC)
    assert make_due_runs() == []
    assert AuditEntry.objects.get(action="launched").details["schedule_id"] == schedule.pk


def test_what_is_not_due_is_left_alone(campaign: Campaign) -> None:
    schedule = due(campaign, minutes=-2)
    assert make_due_runs() == []
    assert again(schedule).runs == 0


@pytest.mark.parametrize("state", ["paused", "ended", "cancelled"])
def test_only_active_schedules_run(campaign: Campaign, state: str) -> None:
    due(campaign, state=state)
    assert make_due_runs() == []


def test_of_missed_runs_the_latest_is_made_up_for(campaign: Campaign) -> None:
    """Beat was away for five hours and a minute."""
    schedule = due(campaign, minutes=301, rrule="FREQ=HOURLY")
    (execution,) = make_due_runs()
    assert execution.schedule_run == schedule.starts + timedelta(hours=5)
    moved = again(schedule)
    assert (moved.runs, moved.missed) == (1, 5)
    assert moved.state_reason["code"] == "missed"
    assert moved.state_reason["message"].startswith("Missed 5 runs before")
    assert moved.next_run == execution.schedule_run + timedelta(hours=1)


def test_the_last_run_ends_it(campaign: Campaign) -> None:
    schedule = due(campaign, ends=datetime(2020, 1, 1))  # noqa: DTZ001
    assert len(make_due_runs()) == 1
    moved = again(schedule)
    assert (moved.state, moved.next_run, moved.next_run_at) == ("ended", None, None)
    assert moved.ended_at is not None


@pytest.mark.django_db(transaction=True)
def test_of_sweeps_at_once_one_makes_the_run(campaign: Campaign) -> None:
    schedules = [due(campaign) for _ in range(3)]

    def sweep(_: int) -> list[int]:
        try:
            return [execution.pk for execution in make_due_runs()]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        made = [one for found in pool.map(sweep, range(8)) for one in found]
    assert len(made) == len(set(made)) == Execution.objects.count() == len(schedules)
    assert {again(schedule).runs for schedule in schedules} == {1}


@pytest.mark.django_db(transaction=True)
def test_a_schedule_that_is_stopped_while_its_run_is_made_made_it_or_not(campaign: Campaign) -> None:
    """Whoever is first: a run that was made is counted, and none is made after the stop."""
    schedules = [due(campaign) for _ in range(6)]
    moves = [pause_schedule, cancel_schedule] * 3

    def stop(place: int) -> None:
        try:
            moves[place](schedule_id=schedules[place].pk, workspace_id=campaign.workspace_id, actor=ACTOR)
        finally:
            connections.close_all()

    def sweep(_: int) -> None:
        try:
            make_due_runs()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        sweeps = [pool.submit(sweep, place) for place in range(3)]
        stops = [pool.submit(stop, place) for place in range(6)]
        for one in [*sweeps, *stops]:
            one.result()
    assert [again(schedule).state for schedule in schedules] == ["paused", "cancelled"] * 3
    made = Counter(Execution.objects.values_list("schedule_id", flat=True))
    assert {schedule.pk: again(schedule).runs for schedule in schedules} == {one.pk: made[one.pk] for one in schedules}
    assert make_due_runs() == []


def test_a_run_has_one_execution_at_most(campaign: Campaign) -> None:
    due(campaign)
    (execution,) = make_due_runs()
    execution.pk = None
    with pytest.raises(IntegrityError, match="execution_once_per_run"), transaction.atomic():
        execution.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_each_run_is_for_those_who_are_in_the_audience_then(workspace: Workspace, campaign: Campaign) -> None:
    members = make_list(workspace, [make_contact(workspace)])
    schedule = due(campaign, audience={"type": "list", "id": members.pk})
    members.memberships.create(contact=make_contact(workspace), workspace_id=workspace.pk)
    (execution,) = make_due_runs()
    assert deliver(execution).size == 2
    assert deliver(execution).state == State.FINISHED
    assert again(schedule).runs == 1


def test_the_rule_of_a_segment_is_that_of_the_run(workspace: Workspace, campaign: Campaign) -> None:
    segment = make_segment(workspace)
    due(campaign, audience={"type": "segment", "id": segment.pk})
    rule = {"type": "attribute", "name": "plan", "value_type": "any", "operator": "exists"}
    Segment.objects.filter(pk=segment.pk).update(rule=rule)
    (execution,) = make_due_runs()
    assert execution.audience["rule"] == rule


@pytest.mark.django_db(transaction=True)
def test_an_empty_audience_finishes_with_nobody(workspace: Workspace, campaign: Campaign) -> None:
    schedule = due(campaign, audience=list_of(workspace))
    (execution,) = make_due_runs()
    assert (deliver(execution).state, deliver(execution).size) == (State.FINISHED, 0)
    assert again(schedule).state_reason is None


def _archive_the_campaign(campaign: Campaign) -> None:
    Campaign.objects.update(state=CampaignState.ARCHIVED)


def _archive_the_template(campaign: Campaign) -> None:
    campaign.template.archived_at = datetime.now(UTC)  # type: ignore[union-attr]
    campaign.template.save()  # type: ignore[union-attr]


def _disable_the_providers(campaign: Campaign) -> None:
    Provider.objects.update(enabled=False)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_archive_the_campaign, "is archived"),
        (_archive_the_template, "template is archived"),
        (_disable_the_providers, "no enabled provider"),
    ],
)
def test_a_run_that_is_refused_says_why_and_the_schedule_goes_on(campaign: Campaign, broken: Any, words: str) -> None:
    schedule = due(campaign)
    broken(campaign)
    assert make_due_runs() == []
    moved = again(schedule)
    assert (moved.state, moved.runs, moved.failures) == ("active", 0, 1)
    assert moved.state_reason["code"] == "refused"
    assert words in moved.state_reason["message"]
    assert moved.next_run > schedule.starts
    assert AuditEntry.objects.filter(object_type="schedule", action="run refused").count() == 1


def test_after_so_many_refusals_it_is_paused(campaign: Campaign) -> None:
    schedule = due(campaign, failures=MOST_FAILURES - 1)
    _disable_the_providers(campaign)
    make_due_runs()
    moved = again(schedule)
    assert (moved.state, moved.failures) == ("paused", MOST_FAILURES)
    assert "mend it, then resume" in moved.state_reason["message"]
    resumed: Any = resume_schedule(schedule_id=schedule.pk, workspace_id=schedule.workspace_id, actor=ACTOR)
    assert (resumed.state, resumed.failures, resumed.state_reason) == ("active", 0, None)


def test_a_run_that_is_made_forgets_the_refusals(campaign: Campaign) -> None:
    schedule = due(campaign, failures=3, state_reason={"code": "refused", "message": "…", "at": "2026-01-01T00:00:00Z"})
    make_due_runs()
    assert (again(schedule).failures, again(schedule).state_reason) == (0, None)


def test_a_run_whose_cut_off_passed_meanwhile_is_missed(campaign: Campaign) -> None:
    schedule = due(campaign, minutes=30)
    schedule.request["cut_off"] = {"after_seconds": 600}
    schedule.save()
    assert make_due_runs() == []
    moved = again(schedule)
    assert (moved.runs, moved.missed, moved.failures) == (0, 1, 0)
    assert "was too late" in moved.state_reason["message"]


def test_what_breaks_is_tried_again_and_keeps_no_other_from_its_run(campaign: Campaign) -> None:
    broken, whole = due(campaign, minutes=3), due(campaign)
    Schedule.objects.filter(pk=broken.pk).update(request={"nonsense": True})
    assert [execution.schedule_id for execution in make_due_runs()] == [whole.pk]
    put_off = again(broken)
    assert (put_off.state, put_off.next_run, put_off.runs) == ("active", broken.starts, 0)
    assert put_off.state_reason["code"] == "run_failed"
    assert put_off.next_run_at > datetime.now(UTC)
    Schedule.objects.filter(pk=broken.pk).update(request=whole.request, next_run_at=minutes_ago(1))
    assert [execution.schedule_id for execution in make_due_runs()] == [broken.pk]
    assert again(broken).state_reason is None


def test_recipients_runs_are_made_ahead_and_planned_when_the_first_of_them_needs_it(
    workspace: Workspace, campaign: Campaign
) -> None:
    Contact.objects.update(timezone="Asia/Kolkata")
    in_a_day = (minutes_ago(0) + timedelta(days=1)).replace(tzinfo=None)
    schedule = make_schedule(
        campaign, starts=in_a_day, timezone="recipient", when_past="skip", next_run_at=minutes_ago(1)
    )
    (execution,) = make_due_runs()
    assert (execution.state, execution.local_time, execution.local_past) == (State.SCHEDULED, in_a_day, "skip")
    assert execution.scheduled_for == in_a_day.replace(tzinfo=UTC) - timedelta(hours=5, minutes=35)
    assert again(schedule).next_run == in_a_day + timedelta(days=1)


def test_where_launches_are_approved_so_is_each_run(workspace: Workspace, campaign: Campaign) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=True)
    due(campaign)
    (execution,) = make_due_runs()
    assert execution.state == State.AWAITING_APPROVAL


def test_runs_of_a_pause_are_left_out(campaign: Campaign) -> None:
    schedule = due(campaign, minutes=150, rrule="FREQ=HOURLY")
    scope: dict[str, Any] = {"schedule_id": schedule.pk, "workspace_id": schedule.workspace_id, "actor": ACTOR}
    paused: Any = pause_schedule(**scope)
    assert paused.state_reason["message"] == "Paused by ana."
    assert make_due_runs() == []
    resumed: Any = resume_schedule(**scope)
    assert (resumed.state, resumed.missed, resumed.runs) == ("active", 0, 0)
    assert resumed.next_run_at > datetime.now(UTC)
    assert cancel_schedule(**scope).state == "cancelled"
    assert make_due_runs() == []
    actions = AuditEntry.objects.filter(object_type="schedule").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["paused", "resumed", "cancelled"]


def test_a_pause_that_outlasts_the_last_run_ends_it(campaign: Campaign) -> None:
    schedule = due(campaign, minutes=60, state="paused", ends=minutes_ago(30).replace(tzinfo=None))
    resumed: Any = resume_schedule(schedule_id=schedule.pk, workspace_id=schedule.workspace_id, actor=ACTOR)
    assert (resumed.state, resumed.next_run_at) == ("ended", None)
