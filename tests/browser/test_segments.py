"""The builder of a segment's rule: by mouse and by keyboard, with what it counts."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from audiences.models import Segment
from executions.models import Execution
from tests.browser.gestures import add_from_menu, save, write
from tests.factories import make_campaign, make_contacts, make_event, make_list, make_segment
from workspaces.models import Workspace

Picture = Callable[[str], None]


def test_a_segment_is_built_counted_and_sent_to(admin: Page, workspace: Workspace, picture: Picture) -> None:
    pros = make_contacts(workspace, 12, attributes={"plan": "pro", "age": 40, "first_name": "Ana"})
    make_contacts(workspace, 3, attributes={"plan": "basic", "age": 20, "first_name": "Bo"})
    for contact in pros[:4]:
        make_event(contact, name="order_placed", properties={"total": 50})
    make_list(workspace, pros[:1], name="Staff")

    add_from_menu(admin, "Segments", "segment")
    write(admin.get_by_label("Name", exact=False).first, "Lapsed pros")
    attribute = admin.get_by_role("group", name="Attribute")
    write(attribute.get_by_label("Attribute", exact=True), "plan")
    write(attribute.get_by_label("Value", exact=True), "pro")
    fits = admin.locator("[data-fits]")
    expect(fits).to_have_text("12 contacts")
    expect(admin.locator("[data-sample] tbody tr")).to_have_count(10)

    admin.get_by_label("Kind of condition to add").select_option("event")
    admin.get_by_role("button", name="Add condition").click()
    event = admin.get_by_role("group", name="Event", exact=True)
    write(event.get_by_label("Event", exact=True), "order_placed")
    expect(fits).to_have_text("4 contacts")
    event.get_by_label("When").select_option("last")
    event.get_by_label("How often").select_option("at_least")
    write(event.get_by_label("Times"), "1")
    admin.get_by_role("button", name="Add property").click()
    admin.get_by_role("group", name="Property of the event").get_by_label("Property", exact=True).fill("total")
    admin.get_by_role("group", name="Property of the event").get_by_label("Type of value").select_option("number")
    admin.get_by_role("group", name="Property of the event").get_by_label("Comparison").select_option("greater")
    write(admin.get_by_role("group", name="Property of the event").get_by_label("Value", exact=True), "49.5")
    expect(fits).to_have_text("4 contacts")
    event.get_by_label("Condition", exact=True).select_option("did_not")
    expect(fits).to_have_text("8 contacts")
    picture("segment-builder")
    save(admin)

    made = Segment.objects.get(workspace=workspace)
    assert made.rule["conditions"][1]["where"] == [
        {"name": "total", "value_type": "number", "operator": "greater", "value": 49.5}
    ]
    admin.goto(f"/admin/campaigns/campaign/{make_campaign(workspace).pk}/launch/")
    admin.get_by_label("Lapsed pros").first.check()
    expect(admin.locator("[data-review] .v-good")).to_have_text("8")
    admin.get_by_role("button", name="Launch", exact=True).click()
    expect(admin.locator("[data-live=state]")).to_have_text("Finished")
    assert Execution.objects.get(workspace=workspace).size == 8


def test_the_builder_works_by_keyboard_alone(admin: Page, workspace: Workspace) -> None:
    make_contacts(workspace, 2, attributes={"plan": "pro"})
    make_contacts(workspace, 1, attributes={"plan": "basic"})
    admin.goto("/admin/audiences/segment/add/")
    expect(admin.locator(".v-rule-leaf")).to_be_visible()  # drawn once the server has said which names are in use
    name = admin.locator("#id_name")
    name.focus()
    keys = admin.keyboard
    keys.type("Keys")
    for _ in range(6):
        keys.press("Tab")
        if admin.evaluate("document.activeElement.dataset.name") == "mode":
            break
    else:
        pytest.fail("the rule can't be reached by Tab")
    keys.press("ArrowDown")  # any of these
    keys.press("Tab")
    keys.type("plan")
    for _ in range(4):
        keys.press("Tab")
    keys.type("pro")
    expect(admin.locator("[data-fits]")).to_have_text("2 contacts")
    for _ in range(2):  # past Remove, to the kind of condition
        keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    assert admin.evaluate("document.activeElement.dataset.name") == "name"
    keys.type("plan")
    for _ in range(4):
        keys.press("Tab")
    keys.type("basic")
    expect(admin.locator("[data-fits]")).to_have_text("3 contacts")
    name.focus()
    keys.press("Enter")
    expect(admin.get_by_text("was added successfully")).to_be_visible()
    assert Segment.objects.get(workspace=workspace).rule["type"] == "or"


def test_what_is_wrong_stands_beside_its_condition(admin: Page, workspace: Workspace, picture: Picture) -> None:
    admin.goto("/admin/audiences/segment/add/")
    leaf = admin.locator(".v-rule-leaf")
    write(leaf.get_by_role("combobox", name="Attribute", exact=True), "age")
    expect(leaf.locator(".v-errors")).to_have_text("value: This can't be empty.")
    leaf.get_by_label("Type of value").select_option("number")
    leaf.get_by_label("Comparison").select_option("between")
    write(leaf.get_by_label("From"), "9")
    write(leaf.get_by_label("To"), "3")
    expect(leaf.locator(".v-errors")).to_contain_text("to: This is less than `from`.")
    picture("segment-errors")


def test_a_rule_for_a_business_event_is_built_and_tried(admin: Page, workspace: Workspace, picture: Picture) -> None:
    make_contacts(workspace, 2, attributes={"watched": ["A-1"]})
    make_contacts(workspace, 1, attributes={"watched": ["B-2"]})
    admin.goto("/admin/audiences/segment/add/")
    write(admin.get_by_label("Name", exact=False).first, "Watchers")
    leaf = admin.locator(".v-rule-leaf")
    write(leaf.get_by_role("combobox", name="Attribute", exact=True), "watched")
    leaf.get_by_label("Type of value").select_option("list")
    leaf.get_by_label("Source of the value").select_option("event")
    write(leaf.get_by_label("Property of the business event"), "sku")
    fits = admin.locator("[data-fits]")
    expect(fits).to_have_text("Give an example of the event to see who fits then.")
    write(admin.get_by_label("sku", exact=True), "A-1")
    expect(fits).to_have_text("2 contacts")
    write(admin.get_by_label("sku", exact=True), "B-2")
    expect(fits).to_have_text("1 contact")
    picture("segment-business-event")
    save(admin)
    made = Segment.objects.get(workspace=workspace)
    assert made.rule["conditions"][0]["value"] == {"event": "sku"}
    admin.goto(f"/admin/audiences/segment/{made.pk}/change/")
    expect(leaf.get_by_label("Property of the business event")).to_have_value("sku")


def test_json_and_builder_show_the_same_rule(admin: Page, workspace: Workspace, picture: Picture) -> None:
    make_contacts(workspace, 1, attributes={"plan": "pro"}, locale="pt-BR")
    inner = {"type": "attribute", "name": "plan", "value_type": "any", "operator": "exists"}
    language = {"type": "locale", "operator": "in", "values": ["pt"]}
    rule = {
        "type": "and",
        "conditions": [language, {"type": "not", "condition": inner}],
    }
    made = make_segment(workspace, rule, name="Strangers")
    admin.goto(f"/admin/audiences/segment/{made.pk}/change/")
    expect(admin.locator(".v-rule-group .v-rule-group").get_by_label("How these are joined")).to_have_value("not or")
    expect(admin.locator("[data-fits]")).to_have_text("0 contacts")
    admin.get_by_label("Show the rule as JSON").check()
    raw = admin.locator("#id_rule")
    assert json.loads(raw.input_value()) == rule, "a look at it changes nothing"
    write(raw, '{"type": "locale", "operator": "in", "values": ["pt-BR"]}')
    raw.blur()
    expect(admin.locator(".v-rule-leaf")).to_have_count(1)
    expect(admin.locator("[data-fits]")).to_have_text("1 contact")
    picture("segment-json")
    save(admin)
    made.refresh_from_db()
    assert made.rule == {"type": "locale", "operator": "in", "values": ["pt-BR"]}
