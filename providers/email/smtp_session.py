"""One SMTP connection: its replies, its timeout, and the flow that is using it."""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from providers.contract import Result
from providers.email.smtp_chunked import ChunkedFlow
from providers.email.smtp_config import SmtpConfig
from providers.email.smtp_envelope import Extensions
from providers.email.smtp_flow import Flow, LockstepFlow, PipelinedFlow, Run
from providers.feed import Feed

REPLY_LIMIT = 64 * 1024
GATHERED_PARTS = 8
_REPLY = re.compile(rb"(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n|(?:\d{3}-[^\n]*\n)*\d{3}\r\n")
_UNFINISHED = re.compile(rb"(?:\d{3}-[^\n]*\n)*[^\n]*")


class Refused(Exception):
    """The connection could not be made ready; `result` is the verdict on everything that waits for it."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.response)


class SmtpSession(asyncio.Protocol):
    """Made ready by `smtp_login.connect`."""

    def __init__(self, config: SmtpConfig) -> None:
        self.config = config
        self.name = f"{config.host}:{config.port}"
        self.extensions = Extensions()
        self.carried = 0
        self.proven = False  # it has answered for a message
        self.dirty = False  # a refused transaction may linger
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._clock = asyncio.get_running_loop().time
        self._idle_since = self._clock()
        self._tail = b""
        self._flow: Flow | None = None
        self._replies: deque[bytes] = deque()
        self._waiter: asyncio.Future[bytes] | None = None
        self._due = 0.0
        self._patience = config.answer_timeout
        self._alarm: asyncio.TimerHandle | None = None
        self._broken: str | None = None

    @property
    def usable(self) -> bool:
        return self._broken is None and self.transport is not None and not self.transport.is_closing()

    @property
    def idle_for(self) -> float:
        return self._clock() - self._idle_since

    @property
    def encrypted(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    # Sending

    async def run(self, feed: Feed) -> Run:
        """Works on the feed until it is empty, time is up, this connection has carried its share, or it breaks."""
        limit = self.config.messages_per_connection - self.carried
        flow = self._flow = self._flow_class()(self, feed, limit)
        try:
            self._guarded(flow.start)
            return await flow.done
        except asyncio.CancelledError:
            flow.abandon()
            raise
        finally:
            self.carried += limit - flow.limit
            self._idle_since = self._clock()

    def write(self, parts: list[bytes]) -> None:
        if self.transport is None:
            raise RuntimeError("The connection was never made.")
        self._due = self._clock() + self._patience
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_at(self._due, self._on_alarm)
        # Few small parts cost less to copy than to gather.
        if len(parts) < GATHERED_PARTS:
            self.transport.write(b"".join(parts))
        else:
            self.transport.writelines(parts)

    def end_flow(self, *, keep: bool) -> None:
        self._flow = None
        if not keep:
            self.abort("the connection was given up")

    def quit(self) -> None:
        if self.usable and self.transport is not None:
            self._broken = "the connection was closed"
            self.transport.write(b"QUIT\r\n")
            self.transport.close()

    def abort(self, why: str) -> None:
        self._broken = self._broken or why
        if self.transport is not None:
            self.transport.abort()

    # Conversation while the connection is being made ready

    async def command(self, line: str) -> bytes:
        if self.transport is None:
            raise ConnectionError(self._broken or "the connection was lost")
        self.transport.write(line.encode("ascii") + b"\r\n")
        return await self.reply()

    async def reply(self) -> bytes:
        if self._replies:
            return self._replies.popleft()
        if self._broken is not None:
            raise ConnectionError(self._broken)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    async def start_tls(self, context: ssl.SSLContext) -> None:
        if self._tail or self._replies or self.transport is None:
            raise ConnectionError("the server spoke between STARTTLS and the handshake")  # CVE-2011-0411
        loop = asyncio.get_running_loop()
        plain = self.transport
        upgraded = await loop.start_tls(plain, self, context, server_hostname=self.config.host)
        if upgraded is None:
            raise ConnectionError("the connection was lost during the TLS handshake")
        self.transport = upgraded

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        try:
            self._read(data)
        except Exception as error:
            self._bug(error)

    def connection_lost(self, exc: Exception | None) -> None:
        words = f"{self.name} closed the connection" if exc is None else f"{self.name}: {exc}"
        self._broken = self._broken or words
        if self._alarm is not None:
            self._alarm.cancel()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(words))
        if self._flow is not None:
            self._guarded(self._flow.lost, words)
        if not self.closed.done():
            self.closed.set_result(None)

    def _read(self, data: bytes) -> None:
        if self._tail:
            data = self._tail + data
        elif self._flow is not None and self._flow.take_good_news(data):
            return
        start = 0
        while match := _REPLY.match(data, start):
            start = match.end()
            self._deliver(match[0])
        self._tail = data[start:]
        if self._tail and (len(self._tail) > REPLY_LIMIT or not _UNFINISHED.fullmatch(self._tail)):
            self._give_up(f"{self.name} does not speak SMTP: {self._tail[:80]!r}")

    def _deliver(self, reply: bytes) -> None:
        if self._flow is not None:
            self._flow.on_reply(reply)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(reply)
        elif self.proven:
            self.abort(f"{self.name} spoke unasked")
        else:
            self._replies.append(reply)

    def _give_up(self, words: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(words))
        if self._flow is not None:
            self._flow.lost(words)
        self.abort(words)

    def _on_alarm(self) -> None:
        self._alarm = None
        if self._flow is None:
            return
        if self._clock() < self._due:
            self._alarm = asyncio.get_running_loop().call_at(self._due, self._on_alarm)
        else:
            words = f"{self.name} gave no answer within {self.config.answer_timeout:g} s"
            self._guarded(self._give_up, words)

    def _guarded(self, call: Callable[..., None], *args: object) -> None:
        try:
            call(*args)
        except Exception as error:
            self._bug(error)

    def _bug(self, error: Exception) -> None:
        """In a callback it would be logged and `send` would wait for ever: it is raised there instead."""
        flow = self._flow
        if flow is None:
            raise error
        self._flow = None
        self.abort("a bug stopped the connection")
        flow.fail(error)

    def _flow_class(self) -> type[Flow]:
        if not self.extensions.pipelining:
            return LockstepFlow
        return ChunkedFlow if self.extensions.chunking else PipelinedFlow
