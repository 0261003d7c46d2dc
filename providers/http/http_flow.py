"""Messages over an open HTTP connection: one or many a request, the next request when the last one is answered.

What is in doubt is known at any moment: what was written and not answered.
"""

import asyncio
from typing import NamedTuple

from providers.contract import Message, Result, Verdict, trouble
from providers.feed import UNSTARTED, Feed
from providers.http.http_replies import Answer, judge, judge_each
from providers.http.http_request import FRAME_BYTES, Requests
from providers.http.http_session import HttpSession


class BatchSize:
    """How many messages go into a request: fewer after a refusal that names none, until the culprit is alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = most

    def refused(self, count: int) -> None:
        self.now = max(1, count // 2)

    def accepted(self) -> None:
        self.now = min(self._most, self.now * 2)


class Way(NamedTuple):
    """What the flows of one adapter share."""

    requests: Requests
    size: BatchSize
    most_bytes: int


class Flow:
    """`group` is what the request on its way holds."""

    def __init__(self, session: HttpSession, feed: Feed, way: Way) -> None:
        self.session = session
        self.feed = feed
        self.way = way
        self.group: list[Message] = []
        self.done: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self._next()

    def on_answer(self, answer: Answer) -> None:
        group, self.group = self.group, []
        self._answered(group, answer)
        if answer.keep:
            self._next()
        else:
            self._finish(None)

    def lost(self, words: str, *, silent: bool) -> None:
        """Who keeps `silent` is left alone: else one round after the other would end in doubt."""
        failure = trouble(Verdict.UNAVAILABLE, words)
        group, self.group = self.group, []
        if group and (silent or len(group) > 1):
            self.feed.stop(failure)
        self._settle(group, trouble(Verdict.UNKNOWN, words))
        self._finish(failure)

    def abandon(self) -> None:
        """The caller gave up waiting."""
        group, self.group = self.group, []
        self._settle(group, trouble(Verdict.UNKNOWN, "sending was stopped before the answer came"))
        self.session.abort("sending was stopped")
        self._finish(UNSTARTED)

    def fail(self, error: Exception) -> None:
        """A bug, ours or the caller's: `send` raises it."""
        if not self.done.done():
            self.done.set_exception(error)

    def _next(self) -> None:
        raise NotImplementedError

    def _answered(self, group: list[Message], answer: Answer) -> None:
        raise NotImplementedError

    def _answer(self, message: Message, result: Result) -> None:
        if result.verdict is Verdict.UNKNOWN:
            self.feed.settle(message, result)
        else:
            self.feed.answer(message, result)

    def _in_doubt(self, group: list[Message], result: Result) -> None:
        """The service can't be relied on now: nothing more is put into doubt."""
        self.feed.stop(trouble(Verdict.UNAVAILABLE, result.response or ""))
        self._settle(group, result)

    def _settle(self, group: list[Message], result: Result) -> None:
        for message in group:
            self.feed.settle(message, result)

    def _finish(self, failure: Result | None) -> None:
        if not self.done.done():
            self.done.set_result(failure)


class SingleFlow(Flow):
    """One message a request."""

    def _next(self) -> None:
        message = self.feed.take()
        if message is None:
            self._finish(None)
            return
        request = self.way.requests.single(message.delivery_id, _json(message))
        self.group = [message]
        self.feed.hand_over(message)
        self.session.write(request)

    def _answered(self, group: list[Message], answer: Answer) -> None:
        result = judge(answer)
        if result.verdict is Verdict.UNKNOWN:
            self._in_doubt(group, result)
        else:
            self.feed.answer(group[0], result)


class BatchFlow(Flow):
    """Many messages a request."""

    def _next(self) -> None:
        bodies = self._fill()
        if not bodies:
            self._finish(None)
            return
        for message in self.group:
            self.feed.hand_over(message)
        self.session.write_parts(self.way.requests.batch([message.delivery_id for message in self.group], bodies))

    def _fill(self) -> list[bytes]:
        """Into `group`, as many as fit; answers their JSON."""
        bodies: list[bytes] = []
        size = FRAME_BYTES
        while len(bodies) < self.way.size.now and (message := self.feed.take()) is not None:
            body = _json(message)
            size += len(body) + 1
            if bodies and size > self.way.most_bytes:
                self.feed.give_back(message)
                break
            self.group.append(message)
            bodies.append(body)
        return bodies

    def _answered(self, group: list[Message], answer: Answer) -> None:
        each = judge_each(answer, [message.delivery_id for message in group])
        if each is not None:
            self._answered_each(group, each)
            return
        result = judge(answer)
        if result.verdict is Verdict.UNKNOWN:
            self._in_doubt(group, result)
        elif result.verdict is Verdict.FAILED and len(group) > 1:
            self._divide(group)
        else:
            self.way.size.accepted()
            for message in group:
                self.feed.answer(message, result)

    def _answered_each(self, group: list[Message], results: list[Result]) -> None:
        self.way.size.accepted()
        for message, result in zip(group, results, strict=True):
            self._answer(message, result)

    def _divide(self, group: list[Message]) -> None:
        """It was refused as a whole and nobody was named: nobody was accepted, and one may be to blame."""
        self.feed.answered = True
        self.way.size.refused(len(group))
        for message in reversed(group):
            self.feed.give_back(message)


def _json(message: Message) -> bytes:
    body = message.content
    if not isinstance(body, bytes):
        raise TypeError(f"HTTP carries JSON, not {type(body).__name__}.")
    return body
