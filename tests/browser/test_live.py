"""The live page while a campaign is under way: paused, resumed and cancelled without loading the page anew."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.gestures import follow, stay, stayed
from tests.factories import make_campaign, make_contacts, make_provider
from tests.running.mailbox import Mailbox
from tests.waiting import wait_until
from workspaces.models import Workspace

Picture = Callable[[str], None]
PEOPLE = 300


@pytest.fixture
def under_way(admin: Page, workspace: Workspace, slow_relay: Mailbox) -> Page:
    """The live page of an execution that has begun to send."""
    make_contacts(workspace, PEOPLE)
    campaign = make_campaign(workspace, name="Slow news")
    admin.goto(f"/admin/campaigns/campaign/{campaign.pk}/launch/")
    admin.get_by_label("Everyone in").check()
    expect(admin.locator("[data-review] .v-good")).to_have_text(str(PEOPLE))
    follow(admin.get_by_role("button", name="Launch", exact=True))
    stay(admin.locator("[data-live=state]"))
    wait_until(lambda: slow_relay.count >= 10, "the first messages arrived")
    return admin


def test_paused_and_resumed_it_finishes(under_way: Page, slow_relay: Mailbox, picture: Picture) -> None:
    state = under_way.locator("[data-live=state]")
    under_way.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("Paused")
    slow_relay.go_on()
    expect(under_way.get_by_role("button", name="Pause")).to_be_hidden()
    picture("live-paused")
    under_way.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("Finished")
    expect(under_way.locator("[data-live=outcomes]")).to_contain_text(f"Sent{PEOPLE}")
    stayed(under_way)


def test_cancelled_everyone_left_is_skipped(under_way: Page, slow_relay: Mailbox, picture: Picture) -> None:
    under_way.on("dialog", lambda dialog: dialog.accept())
    under_way.get_by_role("button", name="Cancel").click()
    state = under_way.locator("[data-live=state]")
    expect(state).to_have_text(re.compile("^Cancel"))
    slow_relay.go_on()
    expect(state).to_have_text("Cancelled")
    outcomes = under_way.locator("[data-live=outcomes]")
    expect(outcomes).to_contain_text("Pending0")
    stayed(under_way)
    picture("live-cancelled")
    outcomes.get_by_role("link", name="cancelled").click()
    expect(under_way.locator("#content")).to_contain_text("@example.test")
    picture("deliveries")


@pytest.fixture
def slow_relay(workspace: Workspace, mailbox: Mailbox) -> Mailbox:
    """Email of the workspace goes to a receiver that has had enough after ten messages, for now; and then takes more
    time than the half second for which a worker hands over before it looks again whether it should."""
    mailbox.wait_after(10)
    mailbox.delay = 0.02
    config = {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}
    make_provider(workspace, kind="smtp", type="email", name="relay", config=config)
    return mailbox
