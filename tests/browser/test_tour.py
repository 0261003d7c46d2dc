"""Every page of the menu opens without an error."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_every_page_of_the_menu_opens(admin: Page, picture: Callable[[str], None]) -> None:
    picture("dashboard")
    menu = admin.locator("#nav-sidebar a[href^='/admin/']")
    links = sorted({link.get_attribute("href") or "" for link in menu.all()})
    assert len(links) > 10
    for link in links:
        admin.goto(link)
        expect(admin.locator("#content")).to_be_visible()
        picture("menu" + link.replace("/", "-"))
