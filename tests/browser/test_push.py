"""A push campaign by mouse and keyboard, as a phone shows it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.gestures import add_from_menu, pick, save, write
from tests.factories import make_address, make_app, make_contact
from workspaces.models import Workspace

Picture = Callable[[str], None]


def test_a_push_campaign_reaches_every_device(admin: Page, workspace: Workspace, picture: Picture) -> None:
    app = make_app(workspace, "shop-android")
    ana = make_contact(workspace, external_id="ana", email=None, attributes={"first_name": "Ana"})
    for device in ("phone", "tablet"):
        make_address(ana, "push", app=app, value=f"{device}-of-ana-{ana.pk}", platform="android")
    make_contact(workspace, external_id="nobody", email=None)
    _make_the_template(admin, picture)
    _create_the_campaign(admin)
    _launch_to_everyone(admin, picture)
    admin.get_by_role("link", name="Outbox of this execution").click()
    admin.get_by_role("link", name=f"phone-of-ana-{ana.pk}").click()
    phone = admin.get_by_label("As a phone shows it")
    expect(phone).to_contain_text("Hello Ana")
    expect(phone).to_contain_text("20% off today")
    expect(phone).to_contain_text("shop-android")
    expect(admin.get_by_text("shop://offers/20%25").first).to_be_visible()
    picture("outbox-phone")


def _make_the_template(page: Page, picture: Picture) -> None:
    add_from_menu(page, "Templates", "template")
    write(page.get_by_label("Name"), "Push offer")
    page.get_by_label("Type").select_option("push")
    save(page)
    write(page.locator("#part-title"), "Hello {{ first_name }}")
    write(page.locator("#part-body"), "{{ offer }} off today")
    write(page.locator("#part-link"), "shop://offers/{{ offer | url_encode }}")
    write(page.get_by_label("Default of offer"), "20%")
    expect(page.locator("[data-output=body]")).to_have_text("20% off today")
    write(page.get_by_label("Preview as"), "ana")
    expect(page.locator("[data-output=title]")).to_have_text("Hello Ana")
    picture("template-push")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 1 is published", exact=True)).to_be_visible()


def _create_the_campaign(page: Page) -> None:
    add_from_menu(page, "Campaigns", "campaign")
    write(page.get_by_label("Name"), "Push news")
    page.get_by_label("Type").select_option("push")
    pick(page, "apps", "shop-android")
    pick(page, "template", "Push offer")
    save(page)


def _launch_to_everyone(page: Page, picture: Picture) -> None:
    page.get_by_label("Everyone in").check()
    review = page.locator("[data-review]")
    expect(review.locator(".v-good")).to_have_text("2")
    expect(page.locator(".v-phone-card")).to_contain_text("20% off today")
    picture("launch-push")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator("[data-live=state]")).to_have_text("Finished")
    expect(page.locator("[data-live=outcomes]")).to_contain_text("Sent2")
