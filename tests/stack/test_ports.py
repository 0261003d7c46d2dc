"""Ports, and how a bad one is told."""

import re
import socket

import pytest

from config.embedded.ports import free_port, is_free, require_free, web_port
from config.embedded.refusal import Refusal


@pytest.mark.parametrize(("text", "port"), [(None, 8000), ("", 8000), ("1", 1), ("65535", 65535)])
def test_the_web_port_is_the_one_asked_for(text: str | None, port: int) -> None:
    assert web_port({} if text is None else {"VOLLEY_PORT": text}) == port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", " 80", "٨٠"])
def test_a_port_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match=re.escape(repr(text))):
        web_port({"VOLLEY_PORT": text})


def test_a_taken_port_is_refused_with_another_to_take() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(Refusal, match=r"VOLLEY_PORT=\d+ make up"):
            require_free(port)


def test_a_free_port_is_free() -> None:
    require_free(free_port())
