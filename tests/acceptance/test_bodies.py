"""Bodies as they come over the wire: what Django's own test client can't send."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.factories import make_key
from tests.running.processes import Stack
from workspaces.models import Workspace

URL = "/api/v1/campaigns"
TOO_LARGE = 50 * 1024 * 1024


@pytest.fixture
def connection(stack: Stack) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(stack.url)
    opened = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    yield opened
    opened.close()


@pytest.fixture
def headers(workspace: Workspace) -> dict[str, str]:
    return {"Authorization": make_key(workspace).plain, "Content-Type": "application/json"}


def answer(connection: http.client.HTTPConnection) -> tuple[int, dict[str, Any]]:
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(0, size, 1024 * 1024):
        yield b" " * 1024 * 1024


@pytest.mark.parametrize(("path", "status"), [(URL, 413), ("/api/v1/templates", 405), ("/api/v1/nothing", 404)])
def test_a_client_that_sends_50_mb_reads_why_it_is_refused(
    connection: http.client.HTTPConnection, headers: dict[str, str], path: str, status: int
) -> None:
    connection.request("POST", path, body=b" " * TOO_LARGE, headers=headers)
    assert answer(connection)[0] == status


def test_50_mb_without_a_key_are_refused_for_the_key(
    connection: http.client.HTTPConnection, workspace: Workspace
) -> None:
    connection.request("POST", URL, body=b" " * TOO_LARGE, headers={"Content-Type": "application/json"})
    assert answer(connection)[0] == 401


def test_a_body_without_a_length_is_read(connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    body = iter([b'{"type": "email", ', b'"name": "In pieces"}'])
    connection.request("POST", URL, body=body, headers=headers, encode_chunked=True)
    status, found = answer(connection)
    assert (status, found["name"]) == (200, "In pieces")


def test_50_mb_without_a_length_are_refused(connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    connection.request("POST", URL, body=pieces(TOO_LARGE), headers=headers, encode_chunked=True)
    status, found = answer(connection)
    assert (status, found["code"]) == (413, "too_large")
