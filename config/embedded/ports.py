"""Ports on the loopback address."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping

from config.embedded.refusal import Refusal

LOOPBACK = "127.0.0.1"
DEFAULT_WEB_PORT = 8000
FIRST_OWN_PORT = 10_000
FIRST_OUTGOING_PORT = 32_768


def free_port() -> int:
    """A random one, below those that the kernel gives to outgoing connections: nobody takes it during a restart."""
    while not is_free(port := FIRST_OWN_PORT + secrets.randbelow(FIRST_OUTGOING_PORT - FIRST_OWN_PORT)):
        pass
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def web_port(environment: Mapping[str, str]) -> int:
    text = environment.get("VOLLEY_PORT") or str(DEFAULT_WEB_PORT)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Refusal(f"VOLLEY_PORT is {text!r}; it must be a port number from 1 to 65535.")
    return int(text)


def require_free(port: int) -> None:
    if not is_free(port):
        raise Refusal(
            f"Port {port} on {LOOPBACK} cannot be used: another program has it, or this user may not open it. "
            f"End that program or choose another port: VOLLEY_PORT={another_port(port)} make up"
        )


def another_port(taken: int) -> int:
    """A port near the taken one, to suggest."""
    return next((port for port in range(max(taken, 8000) + 1, 65536) if is_free(port)), 8080)
