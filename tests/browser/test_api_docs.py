"""The pages for developers, which work without anything from outside."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_the_api_docs_show_calls_and_examples_offline(page: Page, picture: Callable[[str], None]) -> None:
    page.goto("/api/docs/")
    expect(page.get_by_role("heading", name="Volley")).to_be_visible()
    execute = page.locator(".opblock", has_text="/api/v1/campaigns/{campaign_id}/execute").first
    execute.click()
    expect(execute.get_by_text("frequency_capping").first).to_be_visible()
    picture("api-docs")


def test_a_problem_has_a_page_that_explains_it(page: Page, picture: Callable[[str], None]) -> None:
    page.goto("/api/docs/problems/")
    page.get_by_role("link", name="validation_error").click()
    expect(page.get_by_role("heading", name="Fields are wrong")).to_be_visible()
    picture("problem")
