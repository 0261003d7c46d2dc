"""A running Volley with a database of its own; each test brings its own workspace and keeps out of the others'."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql

from tests.acceptance.client import Client
from tests.acceptance.mailbox import Mailbox
from tests.acceptance.processes import Stack
from tests.factories import make_key, make_provider, make_sender, make_workspace
from workspaces.models import Workspace

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.acceptance)
            item.add_marker(pytest.mark.xdist_group("acceptance"))


def _server_url(name: str) -> str:
    config = connection.settings_dict
    login = f"{config['USER']}:{config['PASSWORD']}@" if config["PASSWORD"] else f"{config['USER']}@"
    return f"postgres://{login}{config['HOST']}:{config['PORT']}/{name}"


@pytest.fixture(scope="session")
def acceptance_database(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """A copy of the empty test database, by name."""
    template = connection.settings_dict["NAME"]
    name = f"{template}_acceptance"
    with psycopg.connect(_server_url("postgres"), autocommit=True) as server:
        with django_db_blocker.unblock():  # type: ignore[attr-defined]
            connection.close()
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        yield name
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The index after the one that the rest of the suite uses."""
    url = urlsplit(settings.REDIS_URL)
    index = (int(url.path.strip("/") or 0) + 8) % 16
    return url._replace(path=f"/{index}").geturl()


@pytest.fixture(scope="session")
def stack(acceptance_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    running = Stack(folder=folder, database_url=_server_url(acceptance_database), redis_url=redis_url)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(autouse=True)
def _database(acceptance_database: str, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Points the ORM of the test at the database of the stack, and commits what it writes."""
    name = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        connection.close()
        connection.settings_dict["NAME"] = acceptance_database
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = name


@pytest.fixture
def workspace(_database: None) -> Workspace:
    """With a sandbox provider and a sender."""
    workspace = make_workspace()
    make_sender(workspace, name="Zoë's Shop", address="news@example.test", is_default=True)
    return workspace


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.start()
    yield box
    box.stop()


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
