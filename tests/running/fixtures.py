"""One running Volley for acceptance and browser tests; each test brings its own workspace and keeps out of the others'.

A plugin of `tests/conftest.py`, so that both folders share one stack.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from psycopg import sql
from pytest_django import DjangoDbBlocker

from tests.running.mailbox import Mailbox
from tests.running.processes import Stack


def _server_url(name: str) -> str:
    config = connection.settings_dict
    login = f"{config['USER']}:{config['PASSWORD']}@" if config["PASSWORD"] else f"{config['USER']}@"
    return f"postgres://{login}{config['HOST']}:{config['PORT']}/{name}"


@pytest.fixture(scope="session")
def running_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A copy of the empty test database, by name: what processes commit is no business of the other tests.

    Where none of the tests that were chosen asks for the test database there is none, and nothing to copy.
    """
    name = f"{connection.settings_dict['NAME']}_running"
    with psycopg.connect(_server_url("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.close()
        there_is = connection.settings_dict["NAME"].startswith(TEST_DATABASE_PREFIX)
        empty = sql.Identifier(connection.settings_dict["NAME"] if there_is else "template1")
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), empty))
        if not there_is:
            with django_db_blocker.unblock(), _connected_to(name):
                call_command("migrate", verbosity=0)
        yield name
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Another index than the rest of the suite uses, where the server has more than one."""
    url = urlsplit(settings.REDIS_URL)
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5) as client:
        count = int(client.config_get("databases")["databases"])
    index = (int(url.path.strip("/") or 0) + 8) % count
    return url._replace(path=f"/{index}").geturl()


@pytest.fixture(scope="session")
def stack(running_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    running = Stack(folder=folder, database_url=_server_url(running_database), redis_url=redis_url)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def committed(running_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Points the ORM of the test at the database of the stack, and commits what it writes."""
    with django_db_blocker.unblock(), _connected_to(running_database):
        yield


@contextmanager
def _connected_to(database: str) -> Iterator[None]:
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.start()
    yield box
    box.stop()
