"""What the outside world has of the running Volley: an API key, and a mailbox that messages arrive in."""

from pathlib import Path

import pytest

from tests.factories import make_key, make_provider, make_sender, make_workspace
from tests.running.client import Client
from tests.running.mailbox import Mailbox
from tests.running.processes import Stack
from workspaces.models import Workspace

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture
def workspace(committed: None) -> Workspace:
    """With a sandbox provider and a sender."""
    workspace = make_workspace()
    make_sender(workspace, name="Zoë's Shop", address="news@example.test", is_default=True)
    return workspace


@pytest.fixture
def relay(workspace: Workspace, mailbox: Mailbox) -> Mailbox:
    """Email of the workspace goes to this receiver."""
    make_provider(
        workspace,
        kind="smtp",
        type="email",
        name="relay",
        config={"host": "127.0.0.1", "port": mailbox.port, "security": "none"},
    )
    return mailbox


@pytest.fixture
def client(stack: Stack, workspace: Workspace) -> Client:
    return Client(stack.url, make_key(workspace).plain)
