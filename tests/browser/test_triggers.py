"""A triggered campaign by mouse: built, reviewed, activated, and seen on the events page."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from audiences.events.models import EventTrigger
from tests.browser.gestures import open_from_menu, pick, save, write
from tests.browser.test_events import send
from tests.factories import make_cap, make_contact, make_event, make_key, make_template
from tests.running.processes import Stack
from workspaces.models import Workspace

Picture = Callable[[str], None]
CONTENT = {
    "subject": "You left {{ event.sku }}",
    "html": '<p>Still there: {{ event.sku }}</p><a href="{{ unsubscribe_url }}">No more</a>',
    "text": "{{ event.sku }} {{ unsubscribe_url }}",
}


def test_a_trigger_is_built_activated_and_seen_at_work(
    admin: Page, stack: Stack, workspace: Workspace, picture: Picture
) -> None:
    make_template(workspace, name="Left in the cart", content=CONTENT, sample={"event": {"sku": "A-1"}})
    make_cap(workspace, type="email", max=2, window_seconds=86_400)
    make_event(make_contact(workspace, external_id="user-1"), name="cart_updated", properties={"total": 50})
    key = make_key(workspace).plain

    open_from_menu(admin, "Campaigns")
    admin.get_by_role("link", name="Add campaign", exact=False).first.click()
    write(admin.get_by_label("Name", exact=False).first, "Cart")
    pick(admin, "template", "Left in the cart")
    admin.get_by_label("Sent upon").select_option("contact")
    write(admin.get_by_label("Event", exact=True), "cart_updated")
    admin.get_by_role("button", name="Add condition").first.click()
    condition = admin.get_by_role("group", name="The event's property")
    write(condition.get_by_label("Property", exact=True), "total")
    condition.get_by_label("Type of value").select_option("number")
    condition.get_by_label("Comparison").select_option("at_least")
    write(condition.get_by_label("Value", exact=True), "20")
    write(admin.get_by_label("Unless", exact=True), "order_placed")
    admin.get_by_role("button", name="Add condition").nth(1).click()
    same = admin.get_by_role("group", name="The cancelling event's property")
    write(same.get_by_label("Property", exact=True), "cart_id")
    same.get_by_label("Source of the value").select_option("event")
    write(same.get_by_label("Property of the event that triggers"), "cart_id")
    expect(admin.get_by_label("Window", exact=True)).to_be_hidden()
    admin.get_by_label("Each contact gets it").select_option("window")
    write(admin.get_by_label("Window", exact=True), "1")
    picture("trigger-form")
    save(admin)

    admin.goto(f"/admin/campaigns/campaign/{EventTrigger.objects.get(workspace=workspace).campaign_id}/change/")
    expect(condition.get_by_label("Value", exact=True)).to_have_value("20")
    admin.get_by_role("link", name="Review and activate").click()
    expect(admin.get_by_text("1 event of 1 contact would have fitted")).to_be_visible()
    expect(admin.get_by_text("total is at least 20")).to_be_visible()
    expect(admin.get_by_text("order_placed where cart_id is its cart_id comes before it is sent")).to_be_visible()
    picture("trigger-review")
    admin.get_by_role("button", name="Activate").click()
    expect(admin.get_by_role("button", name="Deactivate")).to_be_visible()

    open_from_menu(admin, "Campaigns")
    expect(admin.get_by_role("link", name="Active", exact=True)).to_be_visible()
    picture("trigger-campaigns")
    open_from_menu(admin, "Events")
    send(stack, key, name="cart_updated", external_id="user-1", properties={"sku": "Lamp", "total": 10})
    send(stack, key, name="cart_updated", external_id="user-1", properties={"sku": "Quilt", "total": 30})
    row = admin.get_by_role("row").filter(has_text="Quilt")
    expect(row.get_by_role("link", name="Sent", exact=True)).to_be_visible()
    send(stack, key, name="cart_updated", external_id="user-1", properties={"sku": "Mirror", "total": 30})
    expect(admin.get_by_role("row").filter(has_text="Mirror")).to_contain_text("Not again: this contact had it")
    expect(admin.get_by_role("row").filter(has_text="Lamp").locator("[data-triggered]")).to_have_text("")
    picture("trigger-events")
    row.get_by_role("link", name="Cart").click()
    expect(admin.get_by_text("Repeated, so not sent again")).to_be_visible()
    picture("trigger-active")
    admin.get_by_role("button", name="Deactivate").click()
    expect(admin.get_by_text("Not active", exact=True)).to_be_visible()
    admin.get_by_role("link", name="Executions", exact=True).last.click()
    picture("trigger-executions")
    admin.get_by_role("link", name="Cart #", exact=False).first.click()
    # It runs until its hour is over, which may be now.
    expect(admin.locator("[data-live=state]")).to_have_text(re.compile("Running|Finished"))
    picture("trigger-live")
