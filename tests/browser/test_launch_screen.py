"""What the launch screen says before anything is sent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from executions.models import Execution, FrequencyCap, Schedule
from tests.browser.gestures import follow, write
from tests.factories import make_campaign, make_contacts, make_list
from workspaces.models import Workspace

Picture = Callable[[str], None]


def test_it_shows_what_a_cap_holds_back_and_what_turning_capping_off_changes(
    admin: Page, workspace: Workspace, picture: Picture
) -> None:
    FrequencyCap.objects.create(workspace=workspace, type="email", max=1, window_seconds=86400)
    make_list(workspace, make_contacts(workspace, 4), name="Regulars")
    campaign = make_campaign(workspace, name="Daily news")
    _open(admin, campaign.pk)
    admin.get_by_label("Regulars").first.check()
    expect(admin.locator("[data-review] .v-good")).to_have_text("4")
    admin.get_by_role("button", name="Launch", exact=True).click()
    expect(admin.locator("[data-live=state]")).to_have_text("Finished")

    make_contacts(workspace, 3)
    _open(admin, campaign.pk)
    admin.get_by_label("Everyone in").check()
    review = admin.locator("[data-review]")
    expect(review).to_contain_text("4 held back by the cap “1 email in 24 h”")
    expect(review.locator(".v-good")).to_have_text("3")
    picture("launch-capped")
    admin.get_by_label("Frequency capping").uncheck()
    expect(review.locator(".v-good")).to_have_text("7")
    admin.get_by_text("Leave out whoever is in").click()
    admin.get_by_role("group", name="Leave out").get_by_label("Regulars").check()
    expect(review.locator(".v-good")).to_have_text("3")
    expect(review).to_contain_text("4 left out as asked.")


def test_a_launch_for_later_is_scheduled(admin: Page, workspace: Workspace, picture: Picture) -> None:
    make_contacts(workspace, 2)
    moment = datetime.now(UTC) + timedelta(days=30)
    _open(admin, make_campaign(workspace, name="Next month").pk)
    admin.get_by_label("Everyone in").check()
    admin.get_by_label("Day and time").fill(f"{moment:%Y-%m-%dT%H:%M}")
    expect(admin.get_by_label("At", exact=True)).to_be_checked()
    expect(admin.locator("[data-review] .v-good")).to_have_text("2")
    expect(admin.locator("[data-review]")).to_contain_text(f"Starts at {moment:%Y-%m-%d %H:%M} in UTC.")
    picture("launch-later")
    admin.get_by_role("button", name="Launch", exact=True).click()
    expect(admin.locator("[data-live=state]")).to_have_text("Scheduled")
    execution = Execution.objects.get(workspace=workspace)
    assert execution.scheduled_for is not None
    assert execution.scheduled_for == moment.replace(second=0, microsecond=0)


def test_a_launch_recurs_in_each_recipients_local_time(admin: Page, workspace: Workspace, picture: Picture) -> None:
    make_contacts(workspace, 2, timezone="Asia/Kolkata")
    moment = datetime.now(UTC) + timedelta(days=30)
    _open(admin, make_campaign(workspace, name="Twice a week").pk)
    admin.get_by_label("Everyone in").check()
    expect(admin.get_by_label("Repeat")).to_be_hidden()
    admin.get_by_label("Again and again").check()
    admin.get_by_label("Day and time").fill(f"{moment:%Y-%m-%dT10:00}")
    admin.get_by_label("In each recipient's local time").check()
    admin.get_by_label("Whose time is past already").select_option("skip")
    admin.get_by_label("Mon", exact=True).check()
    admin.get_by_label("Thu", exact=True).check()
    admin.get_by_label("or so many times").fill("4")
    admin.get_by_label("Send to nobody any more").select_option("time")
    admin.get_by_label("Time of the day").fill("21:00")
    expect(admin.locator("[data-runs] li")).to_have_count(4)
    expect(admin.locator("[data-people]")).to_contain_text("at their time")
    picture("launch-recurring")
    admin.get_by_label("By the clocks of").check()
    admin.get_by_label("Time zone").fill("Europe/Berln")
    expect(admin.locator("[data-errors=timezone]")).to_contain_text("Did you mean Europe/Berlin")
    admin.get_by_label("Time zone").fill("Europe/Berlin")
    expect(admin.locator("[data-runs] li")).to_have_count(4)
    admin.get_by_role("button", name="Schedule", exact=True).click()
    expect(admin.get_by_role("heading", name="The next runs")).to_be_visible()
    picture("schedule")
    schedule = Schedule.objects.get(workspace=workspace)
    assert (schedule.rrule, schedule.timezone) == ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4", "Europe/Berlin")
    assert not Execution.objects.filter(workspace=workspace).exists()
    admin.get_by_role("button", name="Pause").click()
    expect(admin.get_by_role("button", name="Resume")).to_be_visible()


def test_what_is_wrong_is_said_where_it_is_wrong(admin: Page, workspace: Workspace) -> None:
    _open(admin, make_campaign(workspace).pk)
    write(admin.get_by_label("Name", exact=True), "unsubscribe_url")
    write(admin.get_by_label("Value", exact=True), "https://elsewhere.test")
    expect(admin.locator("[data-errors=audience]")).to_contain_text("Choose at least one list")
    expect(admin.locator("[data-errors=personalization]")).not_to_be_empty()


def _open(page: Page, campaign_id: int) -> None:
    page.goto(f"/admin/campaigns/campaign/{campaign_id}/")
    follow(page.get_by_role("link", name="Review and launch"))
