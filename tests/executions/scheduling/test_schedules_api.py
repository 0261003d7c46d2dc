"""Launches by a wall clock and launches that recur, over the API."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audiences.models import Contact
from campaigns.models import Campaign
from executions.launching import moments
from executions.models import Execution, Schedule
from tests.api_client import Api
from tests.factories import make_campaign, make_contact, make_list, make_segment
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
IN_A_MONTH = date.today() + timedelta(days=30)  # noqa: DTZ011
AT_TEN = f"{IN_A_MONTH}T10:00"


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    for zone in ("Pacific/Kiritimati", "Europe/Berlin", "", "Mars/Olympus"):
        make_contact(workspace, timezone=zone)
    return make_campaign(workspace, name="News")


def execute(api: Api, campaign: Campaign, **body: Any) -> Any:
    return api.post(f"/api/v1/campaigns/{campaign.pk}/execute", {"audience": {"type": "all"}, **body})


def codes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


def test_a_clock_of_a_zone_says_when(api: Api, campaign: Campaign) -> None:
    answer = execute(api, campaign, schedule={"at": AT_TEN, "timezone": "Europe/Berlin"}).json()
    instant = datetime(*IN_A_MONTH.timetuple()[:3], 10, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert answer["state"] == "scheduled"
    assert answer["scheduled_for"] == f"{instant:%Y-%m-%dT%H:%M:%SZ}"
    assert answer["schedule"] == {"at": AT_TEN, "timezone": "Europe/Berlin", "when_past": None}
    shown = api.get(answer["url"]).json()
    assert (shown["schedule"], shown["cut_off"], shown["schedule_id"]) == (answer["schedule"], None, None)


def test_without_a_zone_the_workspaces_is_meant(api: Api, workspace: Workspace, campaign: Campaign) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(timezone="Asia/Kolkata")
    answer = execute(api, campaign, schedule={"at": AT_TEN}).json()
    assert answer["schedule"]["timezone"] == "Asia/Kolkata"
    assert answer["scheduled_for"] == f"{IN_A_MONTH}T04:30:00Z"


def test_recipients_local_time_begins_with_the_first_zone_that_contacts_have(api: Api, campaign: Campaign) -> None:
    answer = execute(
        api,
        campaign,
        schedule={"at": AT_TEN, "timezone": "recipient", "when_past": "next_day"},
        cut_off={"local_time": "21:00"},
    ).json()
    assert answer["scheduled_for"] == f"{IN_A_MONTH - timedelta(days=1)}T19:55:00Z"
    assert answer["schedule"] == {"at": AT_TEN, "timezone": "recipient", "when_past": "next_day"}
    assert answer["cut_off"] == {"at": f"{IN_A_MONTH}T21:00", "timezone": "recipient"}
    execution = Execution.objects.get(pk=answer["execution_id"])
    assert f"{execution.local_time:%Y-%m-%dT%H:%M}" == AT_TEN
    assert execution.local_past == "next_day"


def test_where_zones_take_too_long_to_find_the_first_of_the_world_counts(
    api: Api, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    Contact.objects.update(timezone="Europe/Berlin")
    monkeypatch.setattr(moments, "_ZONES", "SELECT pg_sleep(60)::text || %s")
    monkeypatch.setattr(moments, "ZONES_SECONDS", 0.01)
    answer = execute(api, campaign, schedule={"at": AT_TEN, "timezone": "recipient", "when_past": "skip"}).json()
    assert answer["scheduled_for"] == f"{IN_A_MONTH - timedelta(days=1)}T19:55:00Z"


def test_a_dry_run_says_how_many_are_due_when(api: Api, campaign: Campaign) -> None:
    asked = {"at": AT_TEN, "timezone": "recipient", "when_past": "skip"}
    answer = execute(api, campaign, schedule=asked, dry_run=True).json()
    berlin = datetime(*IN_A_MONTH.timetuple()[:3], 10, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert answer["schedule"]["people"] == [
        {"at": f"{IN_A_MONTH - timedelta(days=1)}T20:00:00Z", "contacts": 1, "becomes": "on_time"},
        {"at": f"{berlin:%Y-%m-%dT%H:%M:%SZ}", "contacts": 1, "becomes": "on_time"},
        {"at": f"{IN_A_MONTH}T10:00:00Z", "contacts": 2, "becomes": "on_time"},
    ]
    assert answer["would_send"] == 4
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("when_past", "becomes", "skipped"), [("send_now", "now", 0), ("next_day", "next_day", 0), ("skip", "skipped", 1)]
)
def test_a_dry_run_says_what_becomes_of_those_whose_hour_is_past(
    api: Api, campaign: Campaign, when_past: str, becomes: str, skipped: int
) -> None:
    """In three hours by UTC is long past on Kiritimati's clocks, and to come in Berlin."""
    soon = datetime.now(UTC) + timedelta(hours=3)
    asked = {"at": f"{soon:%Y-%m-%dT%H:%M}", "timezone": "recipient", "when_past": when_past}
    answer = execute(api, campaign, schedule=asked, dry_run=True).json()
    people = answer["schedule"]["people"]
    assert {row["becomes"]: row["contacts"] for row in people if row["becomes"] != "on_time"} == {becomes: 1}
    assert sum(row["contacts"] for row in people) == 4
    assert (answer["would_send"], answer["skipped"].get("cut_off", 0)) == (4 - skipped, skipped)


def test_everything_that_is_wrong_is_said_at_once(api: Api, campaign: Campaign) -> None:
    answer = execute(
        api,
        campaign,
        schedule={
            "at": "2026-13-01T10:00",
            "timezone": "Europe/Berln",
            "rrule": "FREQ=SECONDLY;BYMONTH=13",
            "wen": 1,
            "exceptions": ["soon"],
        },
        cut_off={"local_time": "25:00"},
    )
    assert codes(answer) == {
        "schedule.wen": "unknown_field",
        "schedule.timezone": "unknown_timezone",
        "schedule.at": "invalid_time",
        "schedule.rrule": "out_of_range",
        "schedule.exceptions[0]": "invalid_time",
        "cut_off.local_time": "invalid_time",
    }
    (unknown,) = [error for error in answer.json()["errors"] if error["code"] == "unknown_timezone"]
    assert "Did you mean Europe/Berlin" in unknown["hint"]


def test_a_rule_makes_a_schedule_and_no_execution(api: Api, campaign: Campaign) -> None:
    answer = execute(
        api,
        campaign,
        schedule={"rrule": "FREQ=DAILY", "at": AT_TEN, "timezone": "UTC", "count": 3, "exceptions": [str(IN_A_MONTH)]},
        cut_off={"after_seconds": 3600},
    ).json()
    assert (answer["status"], answer["execution_id"], answer["state"]) == ("success", None, "active")
    days = [IN_A_MONTH + timedelta(days=number) for number in (1, 2)]
    assert answer["next_runs"] == [{"at": f"{day}T10:00", "starts_at": f"{day}T10:00:00Z"} for day in days]
    assert answer["rrule"] == "FREQ=DAILY;COUNT=3"
    assert not Execution.objects.exists()
    shown = api.get(answer["url"]).json()
    assert shown == {name: answer[name] for name in shown}
    listed = api.get("/api/v1/schedules").json()["results"]
    assert listed == [{**shown, "next_runs": shown["next_runs"][:1]}]
    assert api.get(f"/api/v1/schedules?campaign={campaign.pk}&state=paused").json()["results"] == []


def test_a_dry_run_of_a_rule_shows_the_next_runs(api: Api, campaign: Campaign) -> None:
    asked = {"rrule": "FREQ=MONTHLY;BYMONTHDAY=31", "at": AT_TEN, "timezone": "UTC"}
    answer = execute(api, campaign, schedule=asked, dry_run=True).json()
    runs = [datetime.fromisoformat(run["at"]) for run in answer["schedule"]["next_runs"]]
    assert (len(runs), {run.day for run in runs}, sorted(runs)) == (5, {31}, runs)
    assert answer["schedule"]["people"] == [
        {"at": f"{runs[0]:%Y-%m-%dT%H:%M:%SZ}", "contacts": 4, "becomes": "on_time"}
    ]
    assert not Schedule.objects.exists()


def test_what_can_happen_once_does_not_recur(api: Api, workspace: Workspace, campaign: Campaign) -> None:
    once = make_campaign(workspace, once=True)
    inline = {"type": "contacts", "contacts": [{"email": "ana@example.test"}]}
    asked = {"rrule": "FREQ=DAILY", "at": AT_TEN}
    for dry in (False, True):
        answer = execute(api, once, audience=inline, schedule=asked, dry_run=dry)
        assert codes(answer) == {"schedule.rrule": "once", "audience.type": "not_recurring"}
    assert not Schedule.objects.exists()


def test_what_a_launch_refuses_a_schedule_refuses(api: Api, workspace: Workspace, campaign: Campaign) -> None:
    answer = execute(
        api,
        campaign,
        audience={"type": "list", "id": make_list(workspace).pk},
        schedule={"rrule": "FREQ=DAILY", "at": AT_TEN},
    )
    assert codes(answer) == {"audience": "audience_empty"}


@pytest.mark.parametrize("audience", [{"type": "segment"}, {"type": "any_of", "sources": [{"type": "segment"}]}])
def test_the_segment_of_a_schedule_is_in_use(
    api: Api, workspace: Workspace, campaign: Campaign, audience: dict[str, Any]
) -> None:
    make_contact(workspace, attributes={"first_name": "Ana"})
    segment = make_segment(workspace)
    named = json.loads(json.dumps(audience).replace('"segment"', f'"segment", "id": "{segment.pk}"'))
    url = execute(api, campaign, audience=named, schedule={"rrule": "FREQ=DAILY", "at": AT_TEN}).json()["url"]
    answer = api.delete(f"/api/v1/segments/{segment.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert f"schedule {url.rpartition('/')[2]} (active)" in answer.json()["detail"]
    api.post(f"{url}/cancel")
    assert api.delete(f"/api/v1/segments/{segment.pk}").status_code == 204


def test_the_same_key_makes_one_schedule(api: Api, campaign: Campaign) -> None:
    body = {"audience": {"type": "all"}, "schedule": {"rrule": "FREQ=DAILY", "at": AT_TEN}}
    answers = [
        api.post(f"/api/v1/campaigns/{campaign.pk}/execute", body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert Schedule.objects.count() == 1


def test_it_is_paused_resumed_and_cancelled(api: Api, campaign: Campaign) -> None:
    url = execute(api, campaign, schedule={"rrule": "FREQ=DAILY", "at": AT_TEN}).json()["url"]
    for move, state in [("pause", "paused"), ("pause", "paused"), ("resume", "active"), ("cancel", "cancelled")]:
        answer = api.post(f"{url}/{move}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert api.post(f"{url}/cancel").json()["next_runs"] == []
    answer = api.post(f"{url}/resume")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"schedule": {"at": AT_TEN}, "scheduled_for": f"{AT_TEN}:00Z"}, {"schedule": "conflict"}),
        ({"schedule": []}, {"schedule": "wrong_type"}),
        ({"schedule": {}}, {"schedule.at": "required"}),
        ({"schedule": {"at": f"{AT_TEN}:00Z"}}, {"schedule.at": "invalid_time"}),
        ({"schedule": {"at": "2020-01-01T10:00"}}, {"schedule.at": "in_the_past"}),
        ({"schedule": {"at": "0001-01-01T10:00"}}, {"schedule.at": "invalid_time"}),
        ({"schedule": {"at": "2999-12-31T23:59"}}, {"schedule.at": "too_far"}),
        ({"schedule": {"at": AT_TEN, "timezone": "recipient"}}, {"schedule.when_past": "required"}),
        ({"schedule": {"at": AT_TEN, "timezone": 3}}, {"schedule.timezone": "unknown_timezone"}),
        ({"schedule": {"at": AT_TEN, "when_past": "skip"}}, {"schedule.when_past": "out_of_place"}),
        ({"schedule": {"at": AT_TEN, "until": "2027-01-01", "count": 2}},
         {"schedule.until": "out_of_place", "schedule.count": "out_of_place"}),
        ({"schedule": {"at": AT_TEN, "rrule": "FREQ=DAILY;COUNT=2", "count": 2}}, {"schedule.count": "conflict"}),
        ({"schedule": {"at": AT_TEN, "rrule": "FREQ=DAILY", "count": 1001}}, {"schedule.count": "out_of_range"}),
        ({"schedule": {"at": AT_TEN, "rrule": "FREQ=DAILY", "until": "2020-01-01"}}, {"schedule.rrule": "no_runs"}),
        ({"schedule": {"at": AT_TEN, "rrule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}}, {"schedule.rrule": "no_runs"}),
        ({"schedule": {"at": AT_TEN, "rrule": 7}}, {"schedule.rrule": "wrong_type"}),
        ({"schedule": {"at": AT_TEN, "rrule": "FREQ=DAILY;" * 60}}, {"schedule.rrule": "too_long"}),
        ({"cut_off": {}}, {"cut_off": "required"}),
        ({"cut_off": "21:00"}, {"cut_off": "wrong_type"}),
        ({"cut_off": {"at": AT_TEN, "after_seconds": 60}}, {"cut_off": "required"}),
        ({"cut_off": {"after_seconds": 59}}, {"cut_off.after_seconds": "out_of_range"}),
        ({"cut_off": {"after_seconds": True}}, {"cut_off.after_seconds": "out_of_range"}),
        ({"cut_off": {"at": "2020-01-01T10:00:00Z"}}, {"cut_off.at": "too_early"}),
        ({"cut_off": {"at": "2920-01-01T10:00:00Z"}}, {"cut_off.at": "too_far"}),
        ({"cut_off": {"at": "soon"}}, {"cut_off.at": "invalid_time"}),
        ({"schedule": {"at": AT_TEN}, "cut_off": {"at": f"{IN_A_MONTH}T09:00"}}, {"cut_off.at": "too_early"}),
        ({"schedule": {"at": AT_TEN, "rrule": "FREQ=DAILY"}, "cut_off": {"at": f"{IN_A_MONTH}T19:00"}},
         {"cut_off.at": "out_of_place"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(api: Api, campaign: Campaign, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert codes(execute(api, campaign, **body)) == expected
    assert not Execution.objects.exists()
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("cut_off", "hours"),
    [
        ({"after_seconds": 7200}, 2),
        ({"at": f"{IN_A_MONTH}T13:00"}, 3),
        ({"local_time": "09:00"}, 23),
        # An offset that PostgreSQL does not take as one.
        ({"at": f"{IN_A_MONTH + timedelta(days=1)}T12:29:00+23:59"}, 8),
    ],
)
def test_a_cut_off_is_counted_on_the_schedules_clock(
    api: Api, campaign: Campaign, cut_off: dict[str, Any], hours: int
) -> None:
    answer = execute(api, campaign, schedule={"at": AT_TEN, "timezone": "Asia/Kolkata"}, cut_off=cut_off).json()
    begins, ends = (datetime.fromisoformat(text) for text in (answer["scheduled_for"], answer["cut_off"]["at"]))
    assert ends - begins == timedelta(hours=hours)
    assert answer["cut_off"]["timezone"] == "UTC"
