"""The events page, live."""

import json
import urllib.request

from playwright.sync_api import Page, expect

from tests.factories import make_key
from tests.running.processes import Stack
from workspaces.models import Workspace


def send(stack: Stack, key: str, **event: object) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stack.url}/api/v1/events", json.dumps(event).encode(), headers, method="POST")
    urllib.request.urlopen(request, timeout=60).close()


def test_events_appear_as_they_arrive(admin: Page, stack: Stack, workspace: Workspace) -> None:
    key = make_key(workspace).plain
    admin.get_by_role("link", name="Events").click()
    expect(admin.get_by_text("No event has arrived yet")).to_be_visible()
    send(stack, key, name="order_placed", external_id="user-1", properties={"total": 49.9})
    row = admin.get_by_role("row").filter(has_text="order_placed")
    expect(row.get_by_role("link", name="user-1")).to_be_visible()
    row.locator("summary").click()
    expect(row.get_by_text('"total": 49.9', exact=False).last).to_be_visible()
    send(stack, key, name="price_dropped")
    expect(admin.get_by_role("row").nth(1)).to_contain_text("price_dropped")
    expect(row.locator("pre")).to_be_visible()  # what was opened stays open
    admin.get_by_label("Name").fill("price_dropped")
    admin.get_by_role("button", name="Filter").click()
    expect(admin.get_by_role("row")).to_have_count(2)
