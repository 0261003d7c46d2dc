"""The first campaign of somebody new, by mouse and keyboard: template, people, launch, outbox."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from executions.models import Execution
from providers.models import SandboxMessage
from tests.browser.gestures import add_from_menu, choose_file, open_from_menu, pick, save, stay, stayed, write
from workspaces.models import Workspace

Picture = Callable[[str], None]
PEOPLE = 25
HTML = (
    "<html><body>\n<h1>Hi {{ first_name }}</h1>\n<p>Take {{ offer }} off.</p>\n"
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>\n</body></html>'
)


def test_a_template_a_file_and_a_launch_make_a_delivered_campaign(
    admin: Page, workspace: Workspace, tmp_path: Path, picture: Picture
) -> None:
    _make_the_template(admin, picture)
    _import_the_people(admin, tmp_path, picture)
    _create_the_campaign(admin, picture)
    _review(admin, picture)
    _send_a_test(admin, picture)
    _launch_with_a_double_click(admin, picture)
    assert Execution.objects.filter(workspace=workspace).count() == 1
    assert SandboxMessage.objects.filter(workspace_id=workspace.pk, execution_id__gt=0).count() == PEOPLE
    _look_into_the_outbox(admin, picture)


def _make_the_template(page: Page, picture: Picture) -> None:
    add_from_menu(page, "Templates", "template")
    write(page.get_by_label("Name"), "Spring offer")
    page.get_by_label("Type").select_option("email")
    picture("template-add")
    save(page)
    _see_the_preview_react(page, picture)
    _mend_a_syntax_error(page, picture)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 1 is published", exact=True)).to_be_visible()
    picture("template-published")


def _see_the_preview_react(page: Page, picture: Picture) -> None:
    write(page.get_by_label("Subject"), "{{ offer }} for {{ first_name }}")
    write(page.get_by_label("Sample of first_name"), "Zoë")
    write(page.get_by_label("Sample of offer"), "10%")
    expect(page.locator("[data-output=subject]")).to_have_text("10% for Zoë")
    picture("template-preview")


def _mend_a_syntax_error(page: Page, picture: Picture) -> None:
    html, problems = page.locator("#part-html"), page.locator("[data-part=html] .te-problems")
    write(html, HTML.replace("{{ offer }}", "{% if offer"))
    expect(problems).to_contain_text("Line 3")
    expect(page.locator("[data-part=html] .te-wrong")).to_have_text("3")
    picture("template-error")
    write(html, HTML)
    expect(problems).to_be_empty()
    shown = page.frame_locator("iframe[data-output=html]")
    expect(shown.get_by_role("heading")).to_have_text("Hi Zoë")
    write(page.locator("#part-text"), "Hi {{ first_name }}, {{ offer }} off. {{ unsubscribe_url }}")
    expect(page.locator("#te-state")).not_to_have_text("Rendering…")


def _import_the_people(page: Page, folder: Path, picture: Picture) -> None:
    people = [f"p{number},p{number}@example.test,Ana {number}" for number in range(PEOPLE)]
    refused = ["broken,not-an-address,Bea", "nameless,nameless@example.test,"]
    file = folder / "people.csv"
    file.write_text("\n".join(["external_id,email,first_name", *people, *refused]) + "\n")
    add_from_menu(page, "Lists", "list")
    write(page.get_by_label("Name"), "Spring list")
    save(page)
    add_from_menu(page, "Uploads", "upload")
    choose_file(page, page.locator("input[type=file]"), file)
    page.get_by_label("List").select_option(label="Spring list")
    picture("upload-add")
    save(page)
    expect(page.get_by_label("email becomes")).to_have_value("email")
    page.get_by_role("button", name="Start import").click()
    stay(page.locator("[data-part=state]"))
    expect(page.locator("[data-part=state]")).to_have_text("Finished")
    stayed(page)
    picture("upload-finished")
    _download_the_refused(page, folder)


def _download_the_refused(page: Page, folder: Path) -> None:
    expect(page.locator("[data-count=rejected]")).to_have_text("1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the refused rows").click()
    file = folder / "refused.csv"
    download.value.save_as(file)
    assert "not-an-address" in file.read_text()
    assert "has no @" in file.read_text()


def _create_the_campaign(page: Page, picture: Picture) -> None:
    add_from_menu(page, "Campaigns", "campaign")
    write(page.get_by_label("Name"), "Spring news")
    page.get_by_label("Type").select_option("email")
    pick(page, "template", "Spring offer")
    write(page.get_by_label("Tags"), "Spring, Sale")
    picture("campaign-add")
    save(page)
    expect(page.get_by_text("The campaign is stored")).to_be_visible()


def _review(page: Page, picture: Picture) -> None:
    page.get_by_role("group", name="Send to").get_by_label("Spring list").check()
    write(page.get_by_label("Name", exact=True), "offer")
    write(page.get_by_label("Value", exact=True), "20%")
    review = page.locator("[data-review]")
    expect(review.locator(".v-good")).to_have_text(str(PEOPLE))
    expect(review).to_contain_text("1 lack first_name")
    expect(page.locator("[data-preview] .v-subject")).to_contain_text("20% for Ana")
    write(page.get_by_label("Preview as this contact"), "p7")
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.locator("[data-preview] .v-subject")).to_have_text("20% for Ana 7")
    expect(page.locator("[data-preview]")).to_contain_text("bytes of content")
    picture("launch-review")


def _send_a_test(page: Page, picture: Picture) -> None:
    write(page.get_by_label("Test addresses"), "me@example.test")
    page.get_by_role("button", name="Send test").click()
    expect(page.locator("[data-test-results] .v-good")).to_contain_text("me@example.test")
    picture("launch-tested")


def _launch_with_a_double_click(page: Page, picture: Picture) -> None:
    page.get_by_role("button", name="Launch", exact=True).dblclick()
    page.wait_for_url("**/live/")
    stay(page.locator("[data-live=state]"))
    expect(page.locator("[data-live=state]")).to_have_text("Finished")
    stayed(page)
    expect(page.locator("[data-live=outcomes]")).to_contain_text(f"Sent{PEOPLE}")
    picture("live-finished")


def _look_into_the_outbox(page: Page, picture: Picture) -> None:
    page.get_by_role("link", name="Outbox of this execution").click()
    picture("outbox")
    page.get_by_role("link", name="p7@example.test").click()
    expect(page.get_by_role("heading", name="20% for Ana 7").last).to_be_visible()
    expect(page.frame_locator("iframe.v-frame").get_by_role("heading")).to_have_text("Hi Ana 7")
    picture("outbox-message")
    page.get_by_role("tab", name="Text").click()
    expect(page.locator("[data-panel=text]")).to_contain_text("Hi Ana 7, 20% off.")
    expect(page.locator("[data-panel=raw]")).to_be_hidden()
    page.get_by_role("tab", name="Source").click()
    source = page.locator("[data-panel=raw]")
    expect(source).to_contain_text("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    expect(source).to_be_visible()
    open_from_menu(page, "Outbox")
    expect(page.get_by_role("link", name="me@example.test")).to_be_visible()
