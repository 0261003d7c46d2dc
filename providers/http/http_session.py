"""One HTTP/1.1 connection: one request at a time, its answer, its timeout, and the flow that is using it (RFC 9112)."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from providers.contract import Result
from providers.http.http_config import HttpConfig
from providers.http.http_head import Head, read_head
from providers.http.http_replies import Answer

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024
BODY_LIMIT_A_MESSAGE = 4 * 1024
_NOTHING = Head()


class Flow(Protocol):
    """What goes over a connection: `done` is set to None when it ended well, to the failure when it did not."""

    done: asyncio.Future[Result | None]

    def start(self) -> None: ...
    def on_answer(self, answer: Answer) -> None: ...
    def lost(self, words: str, *, silent: bool) -> None: ...
    def abandon(self) -> None: ...
    def fail(self, error: Exception) -> None: ...


class HttpSession(asyncio.Protocol):
    """Opened by `http_connect.connect`."""

    def __init__(self, config: HttpConfig) -> None:
        self.config = config
        self.name = config.name
        self.carried = 0
        self.proven = False  # it has answered
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._clock = asyncio.get_running_loop().time
        self._idle_since = self._clock()
        self._idle_timeout = config.idle_timeout
        self._body_limit = BODY_LIMIT + config.batch_size * BODY_LIMIT_A_MESSAGE
        self._flow: Flow | None = None
        self._due = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._broken: str | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._asked = self._complete = self._surplus = False
        self._keep = True
        self._received = self._status = 0
        self._head = b""
        self._body = bytearray()

    @property
    def usable(self) -> bool:
        return self._broken is None and self.transport is not None and not self.transport.is_closing()

    @property
    def fresh(self) -> bool:
        """The server has most likely not closed it; what is written to one that it did close is in doubt."""
        return self.usable and self._clock() - self._idle_since < self._idle_timeout

    @property
    def encrypted(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    # Sending

    async def run(self, flow: Flow) -> Result | None:
        """The flow's failure, None where it ended well."""
        self._flow = flow
        try:
            self._guarded(flow.start)
            return await flow.done
        except asyncio.CancelledError:
            flow.abandon()
            raise
        finally:
            self._flow = None
            self._idle_since = self._clock()

    def write(self, request: bytes) -> None:
        self._ask().write(request)

    def write_parts(self, request: list[bytes]) -> None:
        self._ask().writelines(request)

    def _ask(self) -> asyncio.Transport:
        if self.transport is None:
            raise RuntimeError("The connection was never made.")
        self._due = self._clock() + self.config.answer_timeout
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_at(self._due, self._on_alarm)
        self._asked = True
        self.carried += 1
        return self.transport

    def close(self) -> None:
        if self.usable and self.transport is not None:
            self._broken = "the connection was closed"
            self.transport.close()

    def abort(self, why: str) -> None:
        self._broken = self._broken or why
        if self.transport is not None:
            self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        self._guarded(self._read, data)

    def connection_lost(self, exc: Exception | None) -> None:
        words = f"{self.name} closed the connection" if exc is None else f"{self.name}: {exc}"
        self._broken = self._broken or words
        if self._alarm is not None:
            self._alarm.cancel()
        if self._flow is not None:
            self._guarded(lambda: self._end(words, whole=exc is None and not read_head(self._head).framed))
        if not self.closed.done():
            self.closed.set_result(None)

    # httptools: its parser calls these while it is fed

    def on_headers_complete(self) -> None:
        if self._complete:
            self._surplus = True
        else:
            self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._body += body

    def on_message_complete(self) -> None:
        if self._status < 200:
            self._status = 0  # interim (RFC 9110 15.2): the answer is still to come
        else:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    # Reading

    def _read(self, data: bytes) -> None:
        if not self._asked:
            self.abort(f"{self.name} spoke unasked")
            return
        if not self._status:
            self._head = self._head + data if self._head else data
        self._received += len(data)
        trouble = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            trouble = f"{self.name} does not speak HTTP as we do: {error}"
        if self._complete:
            self._deliver(keep=self._keep and trouble is None and not self._surplus)
        elif trouble is not None:
            self._give_up(trouble)
        elif self._received > HEAD_LIMIT + (self._body_limit if self._status else 0):
            self._end(f"{self.name} sent {self._received} bytes, more than an answer may have", whole=False)

    def _deliver(self, *, keep: bool, whole: bool = True) -> None:
        head = _NOTHING
        if self._status >= 300 or not self.proven:
            head = read_head(self._head)
            if head.keep_alive is not None:
                self._idle_timeout = min(self.config.idle_timeout, head.keep_alive / 2)
        self.proven = True
        keep = keep and self.carried < self.config.requests_per_connection and not self._unsent
        answer = Answer(self._status, bytes(self._body), head.retry_after, head.location, whole, keep)
        self._forget()
        if not keep:
            self._hang_up()
        flow = self._flow
        if flow is not None:
            flow.on_answer(answer)

    @property
    def _unsent(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def _hang_up(self) -> None:
        """A request that is not all written yet will not be read either."""
        if self._unsent:
            self.abort("the server answered before it had read the request")
        else:
            self.close()

    def _end(self, words: str, *, whole: bool) -> None:
        """The answer stops here: the status was heard, if no more. Where nothing framed the body this is its end."""
        if self._status < 200:
            self._give_up(words)
        else:
            self._deliver(keep=False, whole=whole)

    def _give_up(self, words: str, *, silent: bool = False) -> None:
        self.abort(words)
        flow = self._flow
        if flow is not None:
            flow.lost(words, silent=silent)

    def _on_alarm(self) -> None:
        self._alarm = None
        if not self._asked or self._flow is None:
            return
        if self._clock() < self._due:
            self._alarm = asyncio.get_running_loop().call_at(self._due, self._on_alarm)
        elif self._status >= 200:
            self._guarded(lambda: self._end("", whole=False))
        else:
            words = f"{self.name} gave no answer within {self.config.answer_timeout:g} s"
            self._guarded(lambda: self._give_up(words, silent=True))

    def _forget(self) -> None:
        self._asked = self._complete = self._surplus = False
        self._received = self._status = 0
        self._head = b""
        self._body = bytearray()

    def _guarded(self, call: Callable[..., None], *args: object) -> None:
        """An exception in a callback would be logged and `send` would wait for ever: it raises there instead."""
        try:
            call(*args)
        except Exception as error:
            flow = self._flow
            if flow is None:
                raise
            self._flow = None
            self.abort("a bug stopped the connection")
            flow.fail(error)
