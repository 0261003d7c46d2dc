"""A real browser, driven by mouse and keyboard, that fails the test on any error of a page."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import global_settings
from django.test import override_settings
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

from config.embedded.suite import BROWSERS
from tests.factories import make_member, make_sender, make_workspace
from tests.running.processes import Stack
from workspaces.models import User, Workspace

FOLDER = Path(__file__).parent
PASSWORD = "correct horse battery staple"
PATIENCE = 60_000.0  # milliseconds
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-default-browser-check",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
]
INLINE = ("data:", "blob:", "about:")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.browser)


def chromium_program() -> str:
    """The system's own; Playwright brings none."""
    found = (shutil.which(name) for name in BROWSERS)
    return next(path for path in found if path)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ends with the last test of this folder: while Playwright lives, this thread has a running event loop."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the rows of a test are made beside that loop, never in it
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=FLAGS)
        yield browser
        browser.close()


class Troubles(list[str]):
    """What went wrong on a page; a test that provokes something removes it with `expected`."""

    def watch(self, page: Page, url: str) -> None:
        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.append(f"console: {message.text} ({message.location})")

        def on_request(request: Request) -> None:
            if not request.url.startswith((url, *INLINE)):
                self.append(f"asked somebody else: {request.url}")

        def on_failure(request: Request) -> None:
            # A page that is left, and a download, abort what was under way.
            if request.failure != "net::ERR_ABORTED":
                self.append(f"failed: {request.method} {request.url}: {request.failure}")

        def on_response(response: Response) -> None:
            if response.status >= 400:
                self.append(f"answered {response.status}: {response.request.method} {response.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: self.append(f"uncaught: {error}"))
        page.on("request", on_request)
        page.on("requestfailed", on_failure)
        page.on("response", on_response)


@pytest.fixture
def page(chromium: Browser, stack: Stack, committed: None, tmp_path: Path) -> Iterator[Page]:
    """A window of its own. The last thing it showed is kept in the test's folder."""
    with chromium.new_context(base_url=stack.url, viewport={"width": 1400, "height": 1000}) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        troubles = Troubles()
        troubles.watch(page, stack.url)
        yield page
        page.screenshot(path=tmp_path / "last.png", full_page=True)
        assert troubles == []


@pytest.fixture
def picture(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Keeps what the page shows now under a name: in `VOLLEY_PICTURES`, or where pytest keeps its files."""
    given = os.environ.get("VOLLEY_PICTURES")
    folder = Path(given) if given else tmp_path_factory.getbasetemp() / "pictures"
    folder.mkdir(exist_ok=True, parents=True)

    def take(name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    return take


@pytest.fixture
def workspace(committed: None) -> Workspace:
    """With a sandbox provider and a sender."""
    workspace = make_workspace()
    make_sender(workspace, name="Zoë's Shop", address="news@example.test", is_default=True)
    return workspace


@pytest.fixture
def person(workspace: Workspace) -> User:
    """Somebody who administers the workspace, and can sign in where passwords are hashed in earnest."""
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        return make_member(workspace, password=PASSWORD)


@pytest.fixture
def admin(page: Page, person: User) -> Page:
    """The dashboard, reached by typing name and password."""
    page.goto("/admin/")
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page
