"""An HTTP service on the loopback that takes our JSON, except where a test's script says otherwise."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from providers.contract import Message, ProviderSettings
from providers.http.http import HttpAdapter
from providers.json_message import JsonSkeleton
from tests.providers.contract import LONG, Sent, ShiftedLoop, closing, run, send

ANSWER_TIMEOUT = LONG


class Act(Enum):
    CLOSE = "close in peace"
    RESET = "close with RST"
    SILENCE = "never answer"


@dataclass(frozen=True)
class Request:
    """As it was read."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        """Of its messages."""
        return [message["id"] for message in self.json.get("messages", [self.json])]


Reply = str | bytes | Act
Script = Callable[[Request, int], Reply | None]


def reply(status: int, body: object = None, **headers: str) -> str:
    """A whole answer, as it goes over the wire."""
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} Said so", f"Content-Length: {len(text.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", text])


OK = reply(200, {"id": "m-1"})


@dataclass
class Service:
    """`script(request, n)` answers the n-th request (from 1), or None for the usual 200."""

    script: Script = lambda request, n: None
    piecemeal: bool = False
    requests: list[Request] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None = None) -> AsyncIterator["Service"]:
        talks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = asyncio.current_task()
            assert talk is not None
            talks.add(talk)
            self.connections += 1
            try:
                while await self._exchange(reader, writer):
                    pass
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                talks.discard(talk)
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", self.port, ssl=context, limit=2**24)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for talk in list(talks):
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(line, headers, body)
        self.requests.append(request)
        scripted = self.script(request, len(self.requests))
        said = OK if scripted is None else scripted
        if isinstance(said, Act):
            return await self._act(said, writer)
        octets = said.encode() if isinstance(said, str) else said
        if octets.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")) and body:
            self.accepted += request.ids
        for piece in [octets[i : i + 1] for i in range(len(octets))] if self.piecemeal else [octets]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if b"onnection: close" in octets or octets.startswith(b"HTTP/1.0"):
            writer.close()
            await writer.wait_closed()
            return False
        return True

    async def _act(self, act: Act, writer: asyncio.StreamWriter) -> bool:
        if act is Act.SILENCE:
            await asyncio.Event().wait()
        if act is Act.RESET:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


SKELETON = JsonSkeleton(type="sms", execution_id=7, sender=None)


def settings(port: int, *, kind: str = "http", type: str = "sms", **config: Any) -> ProviderSettings:
    credentials = config.pop("credentials", {})
    connections = config.pop("connections", 1)
    values = {"url": f"http://127.0.0.1:{port}/v1/messages", **config}
    return ProviderSettings(type, kind, "gateway", 1, connections, values, credentials)


def open_http(settings: ProviderSettings) -> HttpAdapter:
    return HttpAdapter.batch(settings) if settings.kind == "http_batch" else HttpAdapter.single(settings)


def deliver(service: Service, messages: Sequence[Message], **config: Any) -> Sent:
    """One chunk, over one connection unless told otherwise."""
    return run(_delivery(service, messages, **config))


def deliver_in_vain(service: Service, messages: Sequence[Message], **config: Any) -> Sent:
    """The time of an answer is over as soon as the service's script has one: it is waited for by the clock alone."""
    loop, scripted = ShiftedLoop(), service.script

    def late(request: Request, n: int) -> Reply | None:
        said = scripted(request, n)
        loop.shift += 0 if said is None else ANSWER_TIMEOUT
        return said

    service.script = late
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_delivery(service, messages, answer_timeout=ANSWER_TIMEOUT, **config))


async def _delivery(service: Service, messages: Sequence[Message], **config: Any) -> Sent:
    async with service.listening(), closing(open_http(settings(service.port, **config))) as adapter:
        return await send(adapter, messages, seconds=LONG * 10)


def text(index: int, **content: Any) -> Message:
    """An SMS."""
    id, to = f"7-{index}-1", f"+4915100{index:05}"
    body = SKELETON.other(delivery_id=id, address=to, app_id=None, parts={"text": f"Hello {index}", **content})
    return Message(index, id, to, body, execution_id=7)


def texts(count: int) -> list[Message]:
    return [text(index) for index in range(count)]
