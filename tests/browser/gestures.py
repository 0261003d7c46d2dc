"""What a person's hands do on the pages of the admin: keys and clicks, nothing that a script alone could."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect


def write(field: Locator, text: str) -> None:
    """Replaces what is in the field, as by pasting."""
    field.click()
    field.press("ControlOrMeta+a")
    field.page.keyboard.insert_text(text)


def follow(link: Locator) -> None:
    """Clicks what leads to another page, and waits until that page's scripts hear what is done there."""
    with link.page.expect_navigation():
        link.click()


def open_from_menu(page: Page, name: str) -> None:
    page.locator(f"#nav-sidebar a:has(:text-is('{name}'))").click()


def add_from_menu(page: Page, name: str, thing: str) -> None:
    """The form that makes a new thing, from the page of its list."""
    open_from_menu(page, name)
    page.get_by_role("link", name=f"Add {thing}", exact=False).first.click()


def save(page: Page) -> None:
    follow(page.get_by_role("button", name="Save", exact=True))


def pick(page: Page, field: str, words: str) -> None:
    """From a field that looks up what is typed."""
    page.locator(f".field-{field} .select2-selection, #id_{field} + .select2 .select2-selection").first.click()
    page.locator(".select2-search__field").last.press_sequentially(words)
    page.get_by_role("option", name=words).first.click()


def choose_file(page: Page, field: Locator, path: Path) -> None:
    with page.expect_file_chooser() as opened:
        field.click()
    opened.value.set_files(path)


def stay(seen: Locator) -> None:
    """Marks the page that shows this, so that `stayed` can tell that it was not loaded anew."""
    expect(seen).to_be_visible()
    seen.evaluate("element => { element.ownerDocument.documentElement.dataset.stayed = 'yes'; }")


def stayed(page: Page) -> None:
    expect(page.locator("html[data-stayed=yes]")).to_have_count(1)
