"""A page of somebody's shop, on another origin, with Segment's SDK for browsers."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from audiences.models import Address, Contact, Event
from tests.browser.conftest import PATIENCE
from tests.factories import make_app, make_write_key
from tests.running import npm
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

pytestmark = pytest.mark.node


# With a preflight, and with cookies, which a beacon can't leave out.
BEACON = """([url, writeKey]) => navigator.sendBeacon(url, new Blob(
    [JSON.stringify({writeKey, event: "left", userId: "user-1"})], {type: "application/json"}))"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """The address of a web server that is not Volley's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(npm.install())))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_visitor_does_arrives_and_is_theirs_once_they_sign_in(
    chromium: Browser, shop: str, stack: Stack, workspace: Workspace
) -> None:
    key = make_write_key(make_app(workspace, "shop-web")).key

    def arrived(*names: str) -> Any:
        events = {event.name: event for event in Event.objects.filter(workspace_id=workspace.pk)}
        return events if set(names) <= set(events) else None

    troubles: list[str] = []
    hosts: set[str | None] = set()
    with chromium.new_context() as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(f"{request.url}: {request.failure}"))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.goto(f"{shop}/shop.html?key={key}&volley={stack.url}")
        page.get_by_role("button", name="Look").click()
        wait_until(lambda: arrived("page", "looked"), "the visit arrives", explain=lambda: str(troubles))
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Buy").click()
        wait_until(lambda: arrived("identify", "order_placed"), "the order arrives", explain=lambda: str(troubles))
        track = f"{stack.url}/v1/track"
        with page.expect_request_finished(lambda request: request.url == track and request.method == "POST"):
            page.evaluate(BEACON, [track, key])
        wait_until(lambda: arrived("left"), "what is sent while leaving arrives", explain=lambda: str(troubles))
    assert troubles == []
    assert hosts <= {"127.0.0.1", None}, "the SDK told somebody else"
    contact = Contact.objects.get(workspace=workspace)
    assert contact.external_id == "user-1"
    assert Address.objects.get(contact=contact).value == "ana@example.test"
    events = arrived("page", "looked", "identify", "order_placed")
    assert {event.contact_id for event in events.values()} == {contact.pk}
    assert events["page"].properties["url"].startswith(shop)
    assert events["looked"].properties == {"sku": "A-1"}
    assert events["order_placed"].context["library"]["name"] == "analytics.js"
