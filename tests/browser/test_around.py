"""What surrounds a campaign: keys, the banner, and the page behind an unsubscribe link."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from audiences.models import Suppression
from audiences.unsubscribe import unsubscribe_token
from executions.models import Heartbeat
from tests.browser.gestures import add_from_menu, open_from_menu, save, write
from tests.factories import make_contact
from tests.running.client import Client
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

Picture = Callable[[str], None]


def test_an_api_key_is_shown_once_and_opens_the_api(admin: Page, stack: Stack, picture: Picture) -> None:
    add_from_menu(admin, "API keys", "api key")
    write(admin.get_by_label("Name"), "Backend")
    save(admin)
    key = admin.locator("#new-api-key").inner_text()
    picture("api-key")
    assert Client(stack.url, key).ok("GET", "/api/v1/campaigns")["results"] == []
    admin.get_by_role("link", name="I have copied it").click()
    admin.get_by_role("link", name="Backend").click()
    expect(admin).to_have_url(re.compile("/change/"))
    expect(admin.locator("#content")).to_contain_text("Backend")
    assert key not in admin.content()
    open_from_menu(admin, "API keys")
    expect(admin).not_to_have_url(re.compile("/change/"))
    expect(admin.locator("#content")).to_contain_text("Backend")
    assert key not in admin.content()


def test_whoever_clicks_unsubscribe_gets_no_more(
    page: Page, stack: Stack, workspace: Workspace, picture: Picture
) -> None:
    contact = make_contact(workspace, email="ana@example.test")
    address = contact.addresses.get()
    token = unsubscribe_token(execution_id=0, contact_id=contact.pk, address_id=address.pk)
    page.goto(f"/u/{token}")
    expect(page.get_by_text("ana@example.test")).to_be_visible()
    address.refresh_from_db()
    assert address.consent != "unsubscribed"
    picture("unsubscribe")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", name="You are unsubscribed.")).to_be_visible()
    picture("unsubscribed")
    address.refresh_from_db()
    assert address.consent == "unsubscribed"
    assert Suppression.objects.get(workspace=workspace).value == "ana@example.test"


def test_a_banner_names_a_silent_beat_until_it_is_back(admin: Page, stack: Stack, picture: Picture) -> None:
    banner = admin.locator(".v-banner")

    def banner_says(text: str) -> bool:
        admin.reload()
        return text in " ".join(banner.all_inner_texts())

    def banner_is_gone() -> bool:
        admin.reload()
        return banner.count() == 0

    stack.beat.stop()
    Heartbeat.objects.filter(component="beat").delete()
    wait_until(lambda: banner_says("Beat has been silent"), "the banner names beat")
    picture("banner")
    stack.beat.start()
    wait_until(banner_is_gone, "the banner is gone")
