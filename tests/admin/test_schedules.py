"""Schedules in the admin: chosen on the launch screen, shown with their runs, moved by their buttons."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from executions.models import Execution, Schedule
from tests.factories import make_campaign, make_contact, make_execution, make_schedule
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
IN_A_MONTH = date.today() + timedelta(days=30)  # noqa: DTZ011
CHOSEN: dict[str, Any] = {
    "audience": "all",
    "when": "recurring",
    "scheduled_for": f"{IN_A_MONTH}T10:00",
    "clock": "zone",
    "timezone": "Europe/Berlin",
    "repeat": "WEEKLY",
    "weekday": ["TH", "MO"],
    "until": "",
    "count": "8",
    "exceptions": f"{IN_A_MONTH}, {IN_A_MONTH + timedelta(days=1)}",
    "cut_off": "after",
    "cut_off_hours": "1.5",
    "launch_token": "t",
}


def launch(client: Client, campaign: Any, **typed: Any) -> Any:
    return client.post(f"/admin/campaigns/campaign/{campaign.pk}/launch/", {**CHOSEN, **typed})


def test_the_launch_screen_makes_one_schedule_of_a_double_click(staff: Staff, workspace: Workspace) -> None:
    make_contact(workspace)
    client, campaign = staff(Role.LAUNCHER), make_campaign(workspace)
    answers = [launch(client, campaign) for _ in range(2)]
    schedule = Schedule.objects.get()
    assert {answer["Location"] for answer in answers} == {f"/admin/executions/schedule/{schedule.pk}/runs/"}
    assert (schedule.rrule, schedule.timezone) == ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8", "Europe/Berlin")
    assert schedule.exceptions == [str(IN_A_MONTH), str(IN_A_MONTH + timedelta(days=1))]
    assert schedule.request["cut_off"] == {"after_seconds": 5400}
    assert not Execution.objects.exists()
    assert "Recurs already" in client.get(f"/admin/campaigns/campaign/{campaign.pk}/launch/").content.decode()


def test_each_recipients_local_time_is_chosen_with_what_becomes_of_the_late(staff: Staff, workspace: Workspace) -> None:
    make_contact(workspace)
    typed = {"when": "later", "clock": "recipient", "when_past": "send_now", "cut_off": "time", "cut_off_time": "21:00"}
    client = staff(Role.LAUNCHER)
    page = client.get(launch(client, make_campaign(workspace), **typed)["Location"]).content.decode()
    execution = Execution.objects.get()
    assert (execution.timezone, execution.local_past) == ("recipient", "send_now")
    assert f"{execution.local_time:%Y-%m-%dT%H:%M} {execution.cut_off_local:%H:%M}" == f"{IN_A_MONTH}T10:00 21:00"
    for words in (
        f"{IN_A_MONTH} 10:00 in each recipient's local time",
        "Send to them at once",
        f"{IN_A_MONTH} 21:00 in",
    ):
        assert words in page, words


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ({"scheduled_for": ""}, "scheduled_for"),
        ({"timezone": "Europe/Berln"}, "timezone"),
        ({"clock": "recipient", "when_past": "whatever"}, "timezone"),
        ({"repeat": "rule", "rrule": "FREQ=SECONDLY"}, "repeat"),
        ({"repeat": "\x00"}, "repeat"),
        ({"repeat": "rule", "rrule": "x" * 10_000}, "repeat"),
        ({"count": "many"}, "repeat"),
        ({"exceptions": "tomorrow"}, "repeat"),
        ({"until": f"{IN_A_MONTH}"}, "repeat"),
        ({"cut_off_hours": "nan"}, "cut_off"),
        ({"cut_off_hours": "1e300"}, "cut_off"),
        ({"cut_off": "at", "cut_off_at": f"{IN_A_MONTH}T21:00"}, "cut_off"),
        ({"cut_off": "time", "cut_off_time": "late"}, "cut_off"),
    ],
)
def test_what_is_wrong_is_shown_at_its_place(
    typed: dict[str, Any], place: str, staff: Staff, workspace: Workspace
) -> None:
    make_contact(workspace)
    answer = launch(staff(Role.LAUNCHER), make_campaign(workspace), **typed)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [place]
    assert not Schedule.objects.exists()


def test_the_review_shows_the_next_five_runs_and_who_is_due_when(staff: Staff, workspace: Workspace) -> None:
    make_contact(workspace, timezone="Asia/Kolkata")
    client, campaign = staff(Role.VIEWER), make_campaign(workspace)
    typed = {**CHOSEN, "clock": "recipient", "when_past": "skip", "exceptions": ""}
    review = client.post(f"/admin/campaigns/campaign/{campaign.pk}/launch/review/", typed).json()["review"]
    assert len(review["when"]["next_runs"]) == 5
    (people,) = review["when"]["people"]
    assert (people["contacts"], people["at"][11:], people["words"]) == (1, "04:30:00Z", "at their time")


def test_the_review_shows_when_it_starts_and_stops(staff: Staff, workspace: Workspace) -> None:
    make_contact(workspace)
    client, campaign = staff(Role.VIEWER), make_campaign(workspace)
    typed = {**CHOSEN, "when": "later", "timezone": "Asia/Tokyo", "cut_off_hours": "8"}
    when = client.post(f"/admin/campaigns/campaign/{campaign.pk}/launch/review/", typed).json()["review"]["when"]
    assert when["starts"] == f"Starts at {IN_A_MONTH} 10:00 in Asia/Tokyo ({IN_A_MONTH} 01:00 UTC)."
    assert when["stops"] == f"Nobody is sent to from {IN_A_MONTH} 09:00 on in UTC."
    assert (when["people"], when["next_runs"]) == ([], [])


def test_a_schedule_is_shown_with_its_runs(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace, name="News")
    schedule = make_schedule(campaign, state_reason={"code": "refused", "message": "No provider.", "at": "…"}, missed=2)
    execution = make_execution(campaign, schedule=schedule, schedule_run=schedule.starts)
    client = staff(Role.VIEWER)
    assert client.get(f"/admin/executions/schedule/{schedule.pk}/change/", follow=True).status_code == 200
    page = client.get(f"/admin/executions/schedule/{schedule.pk}/runs/").content.decode()
    for words in ("FREQ=DAILY", "No provider.", "2 runs missed", f"News #{execution.pk}", "Fri 2026-01-02 10:00"):
        assert words in page, words
    assert "Pause" not in page
    assert "News #" in client.get("/admin/executions/schedule/?state=active").content.decode()
    assert (
        f"schedule #{schedule.pk}" in client.get(f"/admin/executions/execution/{execution.pk}/live/").content.decode()
    )


def test_its_buttons_move_it(staff: Staff, workspace: Workspace) -> None:
    schedule = make_schedule(make_campaign(workspace))
    url = f"/admin/executions/schedule/{schedule.pk}/move/"
    assert staff(Role.EDITOR).post(url, {"move": "pause"}).status_code == 403
    client = staff(Role.LAUNCHER)
    for move, state in [("pause", "paused"), ("resume", "active"), ("cancel", "cancelled"), ("resume", "cancelled")]:
        page = client.post(url, {"move": move}, follow=True).content.decode()
        schedule.refresh_from_db()
        assert schedule.state == state
    assert "can&#x27;t be resumed" in page
    assert client.post(url, {"move": "hurry"}).status_code == 400
