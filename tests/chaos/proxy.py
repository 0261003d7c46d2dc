"""A TCP proxy that misbehaves: between the workers and PostgreSQL, Valkey or a relay."""

import asyncio
import contextlib
import ctypes
import enum
import socket
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.background import Background

_SO_ATTACH_FILTER = 26
_CHUNK = 65536


class Mode(enum.Enum):
    PASS = "everything arrives"
    STALL = "nothing arrives until it passes again; the sockets stay, and fill up"
    REFUSE = "who is connected is cut off by RST, and so is whoever connects"


class Proxy:
    """`mode` holds for open and for new connections, and `delay` seconds are added to each piece."""

    def __init__(self, background: Background, host: str, port: int) -> None:
        self._background = background
        self._target = (host, port)
        self._links: set[_Link] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.mode = Mode.PASS
        self.delay = 0.0
        self.limit: int | None = None
        self.opened = 0
        self.port = 0

    @classmethod
    @contextlib.contextmanager
    def to(cls, url: str) -> Iterator["Proxy"]:
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        with Background() as background:
            proxy = cls(background, parts.hostname, parts.port)
            server = background.call(asyncio.start_server(proxy._serve, "127.0.0.1", 0))
            proxy.port = server.sockets[0].getsockname()[1]
            try:
                yield proxy
            finally:
                background.call(proxy._end(server))

    def url(self, url: str) -> str:
        """The same service, by way of the proxy."""
        parts = urlsplit(url)
        login, _, _host = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self.port}"))

    # Faults

    def set(self, mode: Mode) -> None:
        self._background.call(self._set(mode))

    async def _set(self, mode: Mode) -> None:
        self.mode = mode
        if mode is Mode.STALL:
            self._passing.clear()
        else:
            self._passing.set()
        if mode is Mode.REFUSE:
            for link in list(self._links):
                link.reset()

    def lose_peers(self) -> int:
        """Half-open: the hosts at the other ends of what is connected now are gone without a word.

        Not even their kernels acknowledge any more. New connections are served. Answers how many were lost.
        """
        return self._background.call(self._lose())

    async def _lose(self) -> int:
        for link in self._links:
            link.vanish()
        return len(self._links)

    def close_after(self, octets: int) -> None:
        """Each connection, open or new, is closed once so many more octets have gone to the service."""
        self._background.call(self._close_after(octets))

    async def _close_after(self, octets: int) -> None:
        self.limit = octets
        for link in self._links:
            link.left = octets

    def heal(self) -> None:
        """As it should be, for new connections; those that were lost stay so."""
        self.limit, self.delay = None, 0.0
        self.set(Mode.PASS)

    # Passing on

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        link = _Link(writer, self.limit)
        self._links.add(link)
        try:
            if self.mode is Mode.REFUSE:
                link.reset()
                return
            up_reader, up_writer = await asyncio.open_connection(*self._target)
            link.far = up_writer
            await self._carry(link, reader, writer, up_reader, up_writer)
        except OSError:
            link.reset()
        finally:
            self._links.discard(link)
            link.close()

    async def _carry(
        self,
        link: "_Link",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.ensure_future(self._pump(link, reader, up_writer, counted=True)),
            asyncio.ensure_future(self._pump(link, up_reader, writer, counted=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        while piece := await reader.read(_CHUNK):
            await self._passing.wait()
            if link.vanished:
                await asyncio.Event().wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            if counted and link.left is not None:
                piece, link.left = piece[: link.left], link.left - len(piece)
                writer.write(piece)
                if link.left <= 0:
                    return
                continue
            writer.write(piece)
            await writer.drain()
        # A killed service's RST or FIN reaches the client as an end, as it would without us.

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        for link in list(self._links):
            link.reset()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task


class _Link:
    """One client and its connection to the service."""

    def __init__(self, near: asyncio.StreamWriter, left: int | None) -> None:
        self.near = near
        self.far: asyncio.StreamWriter | None = None
        self.left = left
        self.vanished = False

    def _sockets(self) -> list[socket.socket]:
        writers = [self.near] if self.far is None else [self.near, self.far]
        return [writer.get_extra_info("socket") for writer in writers if not writer.transport.is_closing()]

    def vanish(self) -> None:
        """A filter that lets nothing in stands before TCP: what the peer sends is not even acknowledged."""
        self.vanished = True
        for one in self._sockets():
            _drop_all(one)

    def reset(self) -> None:
        for one in self._sockets():
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        for writer in (self.near, self.far):
            if writer is not None:
                writer.transport.abort() if self.vanished else writer.close()


def _drop_all(one: socket.socket) -> None:
    """A BPF program of one instruction: keep 0 octets of every segment (socket(7), SO_ATTACH_FILTER)."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(instruction)))
