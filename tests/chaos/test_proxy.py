"""The proxy does what it says, between a client and a server that echoes."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.chaos.background import Background
from tests.chaos.proxy import Mode, Proxy
from tests.waiting import PATIENCE


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(1000):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.transport.abort()


async def silenced(server: asyncio.Server) -> None:
    """Nothing of an echo is left for a later test to find."""
    server.close()
    echoes = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "echo"]
    for task in echoes:
        task.cancel()
    await asyncio.gather(*echoes, return_exceptions=True)
    await asyncio.sleep(0)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Background() as background:
        server = background.call(asyncio.start_server(echo, "127.0.0.1", 0))
        with Proxy.to(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
            yield proxy
        background.call(silenced(server))


def connected(proxy: Proxy) -> socket.socket:
    """After an echo: the proxy knows both ends of it."""
    client = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
    assert asked(client) == b"hello"
    return client


def asked(client: socket.socket) -> bytes:
    client.sendall(b"hello")
    return client.recv(100)


def test_passes(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert asked(client) == b"hello"


def test_a_lost_peer_does_not_even_acknowledge_and_new_ones_are_served(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)
        assert proxy.lose_peers() == 1
        with pytest.raises(TimeoutError, match="timed out") as caught:
            asked(client)
        assert caught.value.errno is not None  # the kernel's, not the patience of this test
        connected(proxy).close()


def test_cuts_off_by_rst(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.set(Mode.REFUSE)
        with pytest.raises(ConnectionResetError):
            asked(client)


def test_stalls_until_it_passes_again(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.set(Mode.STALL)
        client.sendall(b"late")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.set(Mode.PASS)
        client.settimeout(PATIENCE)
        assert client.recv(100) == b"late"


def test_closes_after_so_many_octets(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.close_after(3)
        client.sendall(b"hello")
        received = b""
        while piece := client.recv(100):
            received += piece
        assert received in (b"", b"hel")  # what the service said to it may be lost with the connection
