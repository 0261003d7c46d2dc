"""A dry run says who waits, and who is skipped, by their own clocks, as the execution then finds."""

from datetime import timedelta
from typing import Any

import pytest

from common.authorship import SYSTEM
from executions.launching import dry_run as dry_runs
from executions.launching.checks import database_time
from executions.launching.dry_run import dry_run
from executions.launching.dry_run_pages import PageRead, read_page
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Execution, QuietHours
from executions.reading.progress import progress_of
from tests.executions.own_clocks import EAST, HOME, HOUR, WEST, by_reason, quiet_now, wall_now
from tests.executions.work import deliver
from tests.factories import make_campaign as make_any_campaign
from tests.factories import make_cap, make_contact, make_contacts, make_template
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
ENOUGH_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _time_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is made to take too long does, however busy the machine is."""
    monkeypatch.setattr(dry_runs, "COUNTING_SECONDS", ENOUGH_SECONDS)
    monkeypatch.setattr(dry_runs, "LAST_SECONDS", ENOUGH_SECONDS)


def make_campaign(workspace: Workspace, **fields: Any) -> Any:
    content = {"subject": "{{ first_name }}", "html": "{{ unsubscribe_url }}", "text": ""}
    return make_any_campaign(workspace, template=make_template(workspace, content=content), **fields)


def asked(workspace: Workspace, campaign: Any = None, **fields: Any) -> tuple[dict[str, Any], Execution]:
    """What the dry run says, and the execution of the same launch."""
    campaign = campaign or make_campaign(workspace)
    request = LaunchRequest(audience={"type": "all"}, **fields)
    foreseen = dry_run(campaign=campaign, request=request, budget_seconds=ENOUGH_SECONDS)
    return foreseen, deliver(launch(campaign=campaign, request=request, actor=SYSTEM).execution)


def people(workspace: Workspace) -> None:
    make_contacts(workspace, 2, timezone=HOME, attributes={"first_name": "Ana"})
    make_contacts(workspace, 3, timezone=EAST, attributes={"first_name": "Bo"})
    make_contact(workspace, timezone=HOME, attributes={})


def test_quiet_hours_that_skip(workspace: Workspace) -> None:
    people(workspace)
    quiet_now(workspace, policy="skip")
    foreseen, execution = asked(workspace)
    assert foreseen["skipped"] == {"missing_variable": 1, "quiet_hours": 2}
    assert (foreseen["would_send"], foreseen["waiting"]) == (3, {})
    assert by_reason(execution) == {"sent": 3, **foreseen["skipped"]}


def test_quiet_hours_that_hold(workspace: Workspace) -> None:
    people(workspace)
    quiet_now(workspace)
    foreseen, execution = asked(workspace)
    assert (foreseen["would_send"], foreseen["waiting"]) == (5, {"quiet_hours": 2})
    # Planning holds whoever is in them, before anything is rendered: one of them lacks a variable.
    assert progress_of([execution])[execution.pk].reasons["pending"] == {"quiet_hours": 3}
    QuietHours.objects.all().delete()


def test_quiet_hours_that_hold_until_after_the_cut_off(workspace: Workspace) -> None:
    """Nobody would be sent to when they end: the dry run says so, and the plan does not wait for it."""
    people(workspace)
    quiet_now(workspace)
    foreseen, execution = asked(workspace, cut_off={"after_seconds": 3600})
    assert (foreseen["would_send"], foreseen["waiting"]) == (3, {})
    assert foreseen["skipped"] == {"cut_off": 3}
    assert (execution.state, by_reason(execution)) == ("finished", {"sent": 3, "cut_off": 3})


@pytest.mark.parametrize(("rate", "left_over"), [(1, 3), (2, 1), (3, 0)])
def test_a_rate_that_is_too_low_for_the_cut_off(workspace: Workspace, rate: int, left_over: int) -> None:
    make_contacts(workspace, 4, attributes={"first_name": "Ana"})
    begins = (database_time() + HOUR).replace(microsecond=0)
    request = LaunchRequest(
        audience={"type": "all"},
        scheduled_for=begins,
        cut_off={"at": (begins + timedelta(seconds=100)).isoformat()},
        rate_per_minute=rate,
    )
    problems = dry_run(campaign=make_campaign(workspace), request=request)["problems"]
    words = {"rate_too_low": f"At {rate} a minute the cut-off comes before about {left_over} of them."}
    assert {one["code"]: one["message"] for one in problems} == (words if left_over else {})


def test_in_recipients_local_time(workspace: Workspace) -> None:
    people(workspace)
    make_contact(workspace, timezone=WEST, attributes={"first_name": "Cy"})
    hour = wall_now(3)
    quiet = wall_now(2)
    minute = quiet.hour * 60 + quiet.minute
    campaign = make_campaign(workspace)
    schedule = {"at": f"{hour:%Y-%m-%dT%H:%M}", "timezone": "recipient", "when_past": "skip"}
    foreseen, execution = asked(workspace, campaign, schedule=schedule)
    assert foreseen["skipped"] == {"missing_variable": 1, "cut_off": 3}
    assert (foreseen["would_send"], foreseen["waiting"]) == (3, {"local_time": 3})
    assert progress_of([execution])[execution.pk].reasons["pending"] == {"local_time": 4}
    assert execution.planned_skips == {"cut_off": 3}
    QuietHours.objects.create(
        workspace=workspace, starts=minute, ends=(minute + 240) % 1440, days=[1, 2, 3, 4, 5, 6, 7], policy="skip"
    )
    request = LaunchRequest(audience={"type": "all"}, schedule=schedule)
    again = dry_run(campaign=campaign, request=request, budget_seconds=ENOUGH_SECONDS)
    assert (again["skipped"], again["would_send"]) == ({"missing_variable": 1, "cut_off": 3, "quiet_hours": 3}, 0)


def test_who_is_capped_does_not_wait(workspace: Workspace) -> None:
    make_contacts(workspace, 2, timezone=HOME, attributes={"first_name": "Ana"})
    make_cap(workspace, max=1, window_seconds=86_400)
    asked(workspace)
    quiet_now(workspace)
    foreseen, _ = asked(workspace)
    assert (foreseen["skipped"], foreseen["waiting"]) == ({"frequency_cap": 2}, {})


def test_what_was_not_rendered_is_taken_to_be_like_what_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        make_contact(workspace, timezone=HOME, attributes={"first_name": "Ana"})
        make_contact(workspace, timezone=EAST, attributes={"first_name": "Bo"})
    quiet_now(workspace, policy="skip")

    now = [0.0]

    def read_two(*args: Any, **page: Any) -> PageRead:
        now[0] += 1000.0
        return read_page(*args, **{**page, "limit": 2})

    monkeypatch.setattr(dry_runs, "monotonic", lambda: now[0])
    monkeypatch.setattr(dry_runs, "read_page", read_two)
    request = LaunchRequest(audience={"type": "all"})
    found = dry_run(campaign=make_campaign(workspace), request=request, budget_seconds=10)
    assert found["exact"] is False
    assert (found["would_send"], found["skipped"]) == (4, {"quiet_hours": 4})
