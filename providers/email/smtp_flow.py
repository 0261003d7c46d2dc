"""Messages over an open SMTP connection, by DATA: pipelined, or a command at a time (RFC 5321, 2920).

A flow sends a group of commands, takes their replies one by one, and decides the next group in `_turn`.
Whether a message may have been accepted is known at any moment: only when its end was written.
"""

import asyncio
import re
from collections import deque
from typing import NamedTuple, Protocol

from providers.contract import Message, Result, Verdict, trouble
from providers.email.smtp_config import SmtpConfig
from providers.email.smtp_envelope import Envelope, Extensions, Unsendable, envelope
from providers.email.smtp_replies import Stage, accepted, judge
from providers.feed import UNSTARTED, Feed

_END = b".\r\n"
_ROUND = re.compile(rb"(250 [^\r\n]*)\r\n250 [^\n]*\n250 [^\n]*\n354 [^\n]*\n")
_TWO, _THREE, _FOUR, _FIVE = b"2345"


class Run(NamedTuple):
    """How a flow ended; with a failure the connection is gone."""

    failure: Result | None = None


class Connection(Protocol):
    """What a flow needs of the session that it speaks over. `proven`: the server has answered for a message before.
    `dirty`: a refused transaction may linger there. `idle_for` is in seconds."""

    config: SmtpConfig
    name: str
    extensions: Extensions
    proven: bool
    dirty: bool

    @property
    def idle_for(self) -> float: ...

    def write(self, parts: list[bytes]) -> None: ...

    def end_flow(self, *, keep: bool) -> None: ...


class Exchange:
    """One message on its way through MAIL, RCPT, DATA and its body."""

    __slots__ = ("envelope", "handed", "invited", "message", "refusal")

    def __init__(self, message: Message, wire: Envelope) -> None:
        self.message = message
        self.envelope = wire
        self.refusal: Result | None = None
        self.invited = False
        self.handed = False


class Flow:
    """What the three ways share. `limit` is how many messages the connection may still carry.

    `pending` are the commands that no reply has come for. Those of the `asked` are added when a reply comes that is
    not the one hoped for: it seldom does.
    """

    stuffed = True

    def __init__(self, session: Connection, feed: Feed, limit: int) -> None:
        self.session = session
        self.feed = feed
        self.limit = limit
        self.pending: deque[tuple[Stage, Exchange | None]] = deque()
        self.asked: list[Exchange] = []
        self._last_reply = b""
        self._last_result = UNSTARTED
        self.active: list[Exchange] = []
        self.done: asyncio.Future[Run] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self._turn()

    def on_reply(self, reply: bytes) -> None:
        if self.asked:
            self._list_asked()
        if not self.pending:
            self._break(f"spoke unasked: {_words(reply)}")
            return
        stage, exchange = self.pending.popleft()
        if reply.startswith(b"421"):
            self._closing(exchange, judge(_words(reply), stage))
        elif exchange is None and reply[0] != _TWO:
            self._break(f"refused RSET: {_words(reply)}")
        elif stage is Stage.DATA and reply[0] == _TWO:
            self._break(f"answered DATA with {_words(reply)}")
        else:
            if exchange is not None:
                self._progress(exchange, stage, reply)
            if not self.pending:
                self._turn()

    def take_good_news(self, replies: bytes) -> bool:
        """The short way for a read that holds nothing but the replies hoped for; False leaves it to `on_reply`."""
        return False

    def lost(self, words: str) -> None:
        """The connection is gone: what was handed over is in doubt, the rest is not."""
        failure = trouble(Verdict.UNAVAILABLE, words)
        for exchange in reversed(self.active):
            if exchange.refusal is not None:
                self.feed.answer(exchange.message, exchange.refusal)
            elif exchange.handed:
                self.feed.settle(exchange.message, trouble(Verdict.UNKNOWN, words))
            elif self.session.proven:
                self.feed.give_back(exchange.message)
            else:
                self.feed.settle(exchange.message, failure)
        self._finish(failure)

    def abandon(self) -> None:
        """The caller gave up waiting."""
        in_doubt = trouble(Verdict.UNKNOWN, "sending was stopped before the answer came")
        for exchange in self.active:
            self.feed.settle(exchange.message, exchange.refusal or (in_doubt if exchange.handed else UNSTARTED))
        self._finish(UNSTARTED)

    def fail(self, error: Exception) -> None:
        """A bug, ours or the caller's: `send` raises it."""
        if not self.done.done():
            self.done.set_exception(error)

    def _turn(self) -> None:
        raise NotImplementedError

    def _list_asked(self) -> None:
        """What the `asked` wait for, command by command."""
        raise NotImplementedError

    def _progress(self, exchange: Exchange, stage: Stage, reply: bytes) -> None:
        if stage is Stage.BODY:
            self._answered(exchange, reply)
        elif stage is Stage.DATA and reply[0] == _THREE:
            exchange.invited = True
        elif reply[0] != _TWO and exchange.refusal is None:
            exchange.refusal = judge(_words(reply), stage)

    def _begin(self) -> Exchange | None:
        """The next message that can be sent at all; settles those that cannot."""
        while self.limit > 0 and (message := self.feed.take()) is not None:
            try:
                wire = envelope(message, self.session.extensions, stuffed=self.stuffed)
            except Unsendable as unsendable:
                self.feed.settle(message, unsendable.result)
                continue
            self.limit -= 1
            exchange = Exchange(message, wire)
            self.active.append(exchange)
            return exchange
        return None

    def _hand_over(self, exchange: Exchange) -> None:
        exchange.handed = True
        self.feed.hand_over(exchange.message)

    def _answered(self, exchange: Exchange, reply: bytes) -> None:
        if exchange.refusal is not None:
            if exchange in self.active:
                self._settle(exchange, exchange.refusal)
        elif reply[0] in (_TWO, _FOUR, _FIVE):
            self._settle(exchange, judge(_words(reply), Stage.BODY))
        else:
            self._settle(exchange, trouble(Verdict.UNKNOWN, _words(reply)))

    def _settle(self, exchange: Exchange, result: Result) -> None:
        self.active.remove(exchange)
        self.session.proven = True
        self.feed.answer(exchange.message, result)

    def _accept(self, exchange: Exchange, reply: bytes) -> None:
        self.active.remove(exchange)
        self.session.proven = True
        if reply != self._last_reply:  # many servers say the same words to all
            self._last_reply, self._last_result = reply, accepted(reply)
        self.feed.accept(exchange.message, self._last_result)

    def _closing(self, exchange: Exchange | None, result: Result) -> None:
        """421: the server does nothing more, so what comes after the command that it answered was not accepted."""
        for other in reversed(self.active):
            if other is exchange:
                self.feed.answer(other.message, other.refusal or result)
            elif self.session.proven:
                self.feed.give_back(other.message)
            else:
                self.feed.settle(other.message, result)
        self._finish(result)

    def _break(self, words: str) -> None:
        self.lost(f"{self.session.name} {words}")

    def _finish(self, failure: Result | None) -> None:
        self.pending.clear()
        self.asked = []
        self.active.clear()
        self.session.end_flow(keep=failure is None)
        if not self.done.done():
            self.done.set_result(Run(failure))

    def _reset(self) -> list[bytes]:
        """After a refused transaction the server may hold on to its sender and recipients."""
        if not self.session.dirty:
            return []
        self.session.dirty = False
        self.pending.append((Stage.RSET, None))
        return [b"RSET\r\n"]


class PipelinedFlow(Flow):
    """[end of body, MAIL, RCPT, DATA of the next] in one write, four replies in one read."""

    current: Exchange | None = None

    def take_good_news(self, replies: bytes) -> bool:
        if not self.asked or len(self.pending) != 1 or (match := _ROUND.fullmatch(replies)) is None:
            return False
        stage, before = self.pending[0]
        if stage is not Stage.BODY or before is None or before.refusal is not None:
            return False
        self.pending.clear()
        self.asked.pop().invited = True
        self._accept(before, match[1])
        self._turn()
        return True

    def _list_asked(self) -> None:
        following = self.asked.pop()
        self.pending += ((Stage.MAIL, following), (Stage.RCPT, following), (Stage.DATA, following))

    def _turn(self) -> None:
        exchange, self.current = self.current, None
        if exchange is not None and exchange.invited and exchange.refusal is None and self.feed.overdue:
            self._withdraw(exchange)
            return
        parts = self._body(exchange) if exchange is not None else []
        following = self.current = self._begin()
        if following is not None:
            if self.session.dirty:
                parts += self._reset()
            parts += (following.envelope.mail, following.envelope.rcpt, b"DATA\r\n")
            self.asked.append(following)
        if parts:
            self.session.write(parts)
        else:
            self._finish(None)

    def _body(self, exchange: Exchange) -> list[bytes]:
        if not exchange.invited:
            self.session.dirty = True
            self._settle(exchange, exchange.refusal or UNSTARTED)
            return []
        self.pending.append((Stage.BODY, exchange))
        if exchange.refusal is not None:
            return [_END]  # no recipient was accepted, yet the server waits for a message (RFC 2920 3.1)
        self._hand_over(exchange)
        return [exchange.envelope.payload, _END]

    def _withdraw(self, exchange: Exchange) -> None:
        """Out of time between 354 and the body: only closing the connection takes a begun message back."""
        self.active.remove(exchange)
        self.feed.settle(exchange.message, UNSTARTED)
        self._finish(UNSTARTED)


class LockstepFlow(PipelinedFlow):
    """One command, one reply: for servers without PIPELINING."""

    stage = Stage.BODY

    def _turn(self) -> None:
        exchange = self.current
        if exchange is None or self.stage is Stage.BODY:
            self._next_message()
        elif exchange.invited and exchange.refusal is None and self.feed.overdue:
            self._withdraw(exchange)
        elif exchange.invited or exchange.refusal is not None:
            self.stage = Stage.BODY
            parts = self._body(exchange)
            if parts:
                self.session.write(parts)
            else:
                self._next_message()
        else:
            self._command(exchange, Stage(self.stage + 1))

    def _next_message(self) -> None:
        if self.session.dirty:
            self.session.write(self._reset())
            return
        self.current = self._begin()
        if self.current is None:
            self._finish(None)
        else:
            self._command(self.current, Stage.MAIL)

    def _command(self, exchange: Exchange, stage: Stage) -> None:
        self.stage = stage
        self.pending.append((stage, exchange))
        lines = {Stage.MAIL: exchange.envelope.mail, Stage.RCPT: exchange.envelope.rcpt, Stage.DATA: b"DATA\r\n"}
        self.session.write([lines[stage]])


def _words(reply: bytes) -> str:
    return reply.decode("utf-8", "replace").rstrip("\r\n").replace("\r\n", " ")
