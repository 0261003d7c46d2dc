"""The whole way by a clock that is moved: launched over the API, begun by the sweep, planned, sent or held.

PostgreSQL's clock shows one instant, a second before something is due and then the moment itself. Zones of every kind
are in one execution: the first and the last of the world, half hours, one that the database of zones does not have.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audiences.models import Contact
from campaigns.models import Campaign, Purpose
from executions.models import Delivery, Execution, Schedule
from executions.reading.progress import progress_of
from executions.scheduling.runs import make_due_runs
from executions.states import Outcome, State
from tests.api_client import Api
from tests.executions.moved_clock import MovedClock, moved_clock
from tests.executions.work import sweep_all
from tests.factories import make_campaign, make_contact, make_quiet_hours
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)
KIRITIMATI, PAGO_PAGO, LORD_HOWE = "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe"
BERLIN, NEW_YORK, UNKNOWN = "Europe/Berlin", "America/New_York", "Mars/Olympus"

# From 22:00 to 02:30: when an execution is launched, and who is sent to when.
QUIET: dict[str, dict[str, tuple[str, ...]]] = {
    # Berlin shows 01:30, and never 02:30. In the workspace's New York it is still the evening.
    "2027-03-28T00:30:00": {"2027-03-28T01:30:00": (BERLIN,)},
    # Berlin shows 02:10 for the first time, and an hour later for the second.
    "2027-10-31T00:10:00": {"2027-10-31T00:30:00": (BERLIN,)},
    "2027-10-31T01:10:00": {"2027-10-31T01:30:00": (BERLIN,)},
    # It is 23:30 on the 28th in Pago Pago, and 00:30 on the first of March in Kiritimati, two days on.
    "2028-02-29T10:30:00": {"2028-02-29T12:30:00": (KIRITIMATI,), "2028-02-29T13:30:00": (PAGO_PAGO,)},
}


@pytest.fixture
def clock(workspace: Workspace, api: Api) -> Iterator[MovedClock]:
    """After what it needs of the real clock; the workspace's zone is New York's."""
    Workspace.objects.filter(pk=workspace.pk).update(timezone=NEW_YORK)
    with moved_clock() as clock:
        yield clock


def people(workspace: Workspace, *zones: str) -> None:
    """One in each zone, called by it; in a zone that is not known, by that."""
    for zone in zones:
        make_contact(workspace, timezone=zone, external_id=zone or "none")


def execute(api: Api, workspace: Workspace, *, purpose: str = Purpose.MARKETING, **body: Any) -> Execution:
    made = Campaign.objects.filter(workspace=workspace, purpose=purpose).first()
    campaign = made or make_campaign(workspace, purpose=purpose)
    answer = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", {"audience": {"type": "all"}, **body})
    assert answer.status_code == 200, answer.content
    return Execution.objects.get(pk=answer.json()["execution_id"])


def recur(api: Api, workspace: Workspace, **schedule: Any) -> None:
    campaign = make_campaign(workspace)
    answer = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", {"audience": {"type": "all"}, "schedule": schedule})
    assert answer.status_code == 200, answer.content


def locally(at: str, when_past: str = "skip") -> dict[str, str]:
    return {"at": at, "timezone": "recipient", "when_past": when_past}


def sent(execution: Execution) -> set[str]:
    rows = Delivery.objects.filter(execution_id=execution.pk, outcome=Outcome.SENT)
    return {str(contact.external_id) for contact in Contact.objects.filter(pk__in=rows.values("contact_id"))}


def reasons(execution: Execution) -> dict[str, str | None]:
    """Of those who were not sent to."""
    rows = Delivery.objects.filter(execution_id=execution.pk).exclude(outcome=Outcome.SENT)
    names = dict(Contact.objects.values_list("pk", "external_id"))
    return {str(names[row.contact_id]): row.reason for row in rows}


def watch(clock: MovedClock, *watched: tuple[Execution, Mapping[str, tuple[str, ...]]]) -> None:
    """A second before each instant nobody new has a message, and at it exactly those who are named."""
    so_far = {execution.pk: sent(execution) for execution, _ in watched}
    for text in sorted({text for _, due in watched for text in due}):
        clock.show(datetime.fromisoformat(text).replace(tzinfo=UTC) - SECOND)
        sweep_all()
        assert {execution.pk: sent(execution) for execution, _ in watched} == so_far, f"a second before {text}"
        clock.to(text)
        sweep_all()
        for execution, due in watched:
            so_far[execution.pk] |= set(due.get(text, ()))
        assert {execution.pk: sent(execution) for execution, _ in watched} == so_far, f"at {text}"
    assert set(Execution.objects.values_list("state", flat=True)) == {State.FINISHED}


def test_an_hour_that_clocks_skip_in_spring(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    """02:30 on 28 March 2027 is not shown in Berlin. The workspace's zone is that of whoever has none that is known."""
    people(workspace, BERLIN, KIRITIMATI, PAGO_PAGO, "Asia/Kolkata", UNKNOWN, "")
    clock.to("2027-03-20T12:00:00")
    execution = execute(api, workspace, schedule=locally("2027-03-28T02:30"))
    clock.to("2027-03-27T12:24:59")
    sweep_all()
    execution.refresh_from_db()
    assert (execution.state, f"{execution.scheduled_for:%d %H:%M:%S}") == (State.SCHEDULED, "27 12:25:00")
    due: dict[str, tuple[str, ...]] = {
        "2027-03-27T12:30:00": (KIRITIMATI,),
        "2027-03-27T21:00:00": ("Asia/Kolkata",),
        "2027-03-28T01:30:00": (BERLIN,),
        "2027-03-28T06:30:00": (UNKNOWN, "none"),
        "2027-03-28T13:30:00": (PAGO_PAGO,),
    }
    clock.to("2027-03-27T12:25:00")
    sweep_all()
    waiting = progress_of([execution])[execution.pk].waiting
    assert [(f"{one.until:%Y-%m-%dT%H:%M:%S}", one.recipients) for one in waiting] == [
        (text, len(names)) for text, names in due.items()
    ]
    watch(clock, (execution, due))


def test_an_hour_that_clocks_show_twice_in_autumn(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    """The first of the two counts, and nobody is sent to at the second."""
    people(workspace, BERLIN, KIRITIMATI, PAGO_PAGO, NEW_YORK)
    clock.to("2027-10-25T12:00:00")
    execution = execute(api, workspace, schedule=locally("2027-10-31T02:30"), cut_off={"at": "2027-10-31T02:59"})
    due: dict[str, tuple[str, ...]] = {
        "2027-10-30T12:30:00": (KIRITIMATI,),
        "2027-10-31T00:30:00": (BERLIN,),
        "2027-10-31T06:30:00": (NEW_YORK,),
        "2027-10-31T13:30:00": (PAGO_PAGO,),
    }
    watch(clock, (execution, due))


def test_half_an_hour_that_clocks_skip(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    """Lord Howe's on 3 October 2027, from 02:00 at +10:30 to 02:30 at +11. By the clocks of one zone, and by each
    recipient's."""
    people(workspace, LORD_HOWE, "Australia/Brisbane")
    clock.to("2027-10-01T00:00:00")
    at = "2027-10-03T02:15"
    there = execute(api, workspace, schedule={"at": at, "timezone": LORD_HOWE})
    local = execute(api, workspace, schedule=locally(at))
    watch(
        clock,
        (there, {"2027-10-02T15:45:00": (LORD_HOWE, "Australia/Brisbane")}),
        (local, {"2027-10-02T15:45:00": (LORD_HOWE,), "2027-10-02T16:15:00": ("Australia/Brisbane",)}),
    )


def test_on_a_leap_day_zones_whose_hour_is_past(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    """Launched at 12:00 UTC for 10:00: past in Kiritimati and Berlin, to come in New York and Pago Pago. The day after
    29 February is 1 March; in Kiritimati it begins while it is still the 29th in UTC."""
    people(workspace, KIRITIMATI, BERLIN, NEW_YORK, PAGO_PAGO)
    clock.to("2028-02-29T12:00:00")
    now, skip, next_day = (
        execute(api, workspace, schedule=locally("2028-02-29T10:00", past)) for past in ("send_now", "skip", "next_day")
    )
    sweep_all()
    assert (sent(now), sent(skip), sent(next_day)) == ({KIRITIMATI, BERLIN}, set(), set())
    on_time = {"2028-02-29T15:00:00": (NEW_YORK,), "2028-02-29T21:00:00": (PAGO_PAGO,)}
    moved = {"2028-02-29T20:00:00": (KIRITIMATI,), "2028-03-01T09:00:00": (BERLIN,)}
    watch(clock, (now, on_time), (skip, on_time), (next_day, {**on_time, **moved}))
    assert reasons(skip) == {KIRITIMATI: "cut_off", BERLIN: "cut_off"}
    assert reasons(now) == reasons(next_day) == {}


def test_quiet_hours_end_by_each_clock(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    """From 22:00 to 02:30, held; a transactional campaign knows none. One launch after the other."""
    people(workspace, BERLIN, KIRITIMATI, PAGO_PAGO, UNKNOWN)
    make_quiet_hours(workspace, starts=22 * 60, ends=2 * 60 + 30)
    for launched, due in QUIET.items():
        clock.to(launched)
        execution, exempt = execute(api, workspace), execute(api, workspace, purpose=Purpose.TRANSACTIONAL)
        sweep_all()
        everybody = {BERLIN, KIRITIMATI, PAGO_PAGO, UNKNOWN}
        held = {name for names in due.values() for name in names}
        assert (sent(execution), sent(exempt)) == (everybody - held, everybody), launched
        watch(clock, (execution, due))


def test_a_schedule_goes_on_over_changes_of_clocks(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    """Of three days in which nothing made its runs the latest is made up for."""
    people(workspace, BERLIN)
    clock.to("2027-03-26T12:00:00")
    recur(api, workspace, at="2027-03-27T02:30", timezone=BERLIN, rrule="FREQ=DAILY")
    for text in ("2027-03-27T01:30:00", "2027-03-28T01:30:00", "2027-03-29T00:30:00"):
        clock.show(datetime.fromisoformat(text).replace(tzinfo=UTC) - SECOND)
        assert make_due_runs() == []
        clock.to(text)
        assert [f"{run.schedule_run:%H:%M}" for run in make_due_runs()] == ["02:30"], text
    clock.to("2027-04-01T01:00:00")
    assert [f"{run.schedule_run:%d %H:%M}" for run in make_due_runs()] == ["01 02:30"]
    schedule = Schedule.objects.get()
    assert (schedule.runs, schedule.missed) == (4, 2)


def test_a_schedule_of_leap_days_and_of_hours_shown_twice(clock: MovedClock, workspace: Workspace, api: Api) -> None:
    people(workspace, BERLIN)
    clock.to("2027-10-30T12:00:00")
    recur(api, workspace, at="2027-10-31T01:00", timezone=BERLIN, rrule="FREQ=HOURLY", count=3)
    for text in ("2027-10-30T23:00:00", "2027-10-31T00:00:00", "2027-10-31T02:00:00"):
        clock.show(datetime.fromisoformat(text).replace(tzinfo=UTC) - SECOND)
        assert make_due_runs() == []
        clock.to(text)
        assert len(make_due_runs()) == 1, text
    recur(api, workspace, at="2028-02-29T10:00", timezone=KIRITIMATI, rrule="FREQ=YEARLY")
    for text in ("2028-02-28T20:00:00", "2032-02-28T20:00:00"):
        clock.show(datetime.fromisoformat(text).replace(tzinfo=UTC) - SECOND)
        assert make_due_runs() == []
        clock.to(text)
        assert [f"{run.schedule_run:%m-%d %H:%M}" for run in make_due_runs()] == ["02-29 10:00"]
