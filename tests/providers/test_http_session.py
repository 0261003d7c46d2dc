"""What a connection makes of octets, however they are cut and whatever they are."""

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import ProviderSettings, Result
from providers.http.http_config import http_config
from providers.http.http_replies import Answer
from providers.http.http_session import HttpSession
from tests.providers.contract import run

CONFIG = http_config(ProviderSettings("sms", "http", "gateway", 1, 1, {"url": "http://127.0.0.1:1/"}))


class Wire(asyncio.Transport):
    """Takes everything, and remembers only whether it was closed."""

    closed = False

    def write(self, data: Any) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Listener:
    """A flow that asks once, and keeps what it is told."""

    def __init__(self, session: HttpSession) -> None:
        self.session = session
        self.answers: list[Answer] = []
        self.losses: list[str] = []
        self.done: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self.session.write(b"request")

    def on_answer(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.done.set_result(None)

    def lost(self, words: str, *, silent: bool) -> None:
        """Also of a connection that ends when all has been said, as a flow of messages is told."""
        if not self.done.done():
            self.losses.append(words)
            self.done.set_result(None)

    def abandon(self) -> None:
        raise AssertionError

    def fail(self, error: Exception) -> None:
        self.done.set_exception(error)


def heard(pieces: list[bytes]) -> Listener:
    """What came of these octets, and of the connection's end after them."""

    async def scenario() -> Listener:
        session = HttpSession(CONFIG)
        session.connection_made(Wire())
        listener = Listener(session)
        running = asyncio.ensure_future(session.run(listener))
        await asyncio.sleep(0)
        for piece in pieces:
            session.data_received(piece)
        session.connection_lost(None)
        await running
        return listener

    return run(scenario())


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted({place % (len(octets) + 1) for place in places}), len(octets)]
    return [octets[start:stop] for start, stop in pairwise(marks) if start < stop]


bodies = st.binary(max_size=300)
places = st.lists(st.integers(0, 2000), max_size=12)
interim = st.lists(
    st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n"]), max_size=2
)


def framed(status: int, body: bytes, how: str) -> bytes:
    head = b"HTTP/1.1 %d Said\r\nRetry-After: 7\r\n" % status
    if how == "length":
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    if how == "chunked":
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut(body, [3, 50, 51]))
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    return head + b"Connection: close\r\n\r\n" + body


@settings(max_examples=60, deadline=None)
@given(
    st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    bodies,
    st.sampled_from(["length", "chunked", "close"]),
    interim,
    places,
)
def test_an_answer_is_the_same_however_it_is_cut(
    status: int, body: bytes, how: str, before: list[bytes], places: list[int]
) -> None:
    listener = heard(cut(b"".join(before) + framed(status, body, how), places))
    [answer] = listener.answers
    assert (answer.status, answer.body, answer.whole) == (status, body, True)
    assert answer.keep is (how != "close")
    assert answer.retry_after == b"7"


@settings(max_examples=60, deadline=None)
@given(st.integers(200, 599).filter(lambda status: status not in (204, 304)), bodies, st.integers(0, 400), places)
def test_an_answer_that_stops_early_is_never_taken_for_whole(
    status: int, body: bytes, missing: int, places: list[int]
) -> None:
    whole = framed(status, body, "length")
    stopped = whole[: len(whole) - 1 - missing % len(whole)]
    listener = heard(cut(stopped, places))
    if listener.answers:
        assert (listener.answers[0].status, listener.answers[0].whole) == (status, False)
        assert body.startswith(listener.answers[0].body)
    else:
        assert listener.losses and b"\r\n\r\n" not in stopped


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n"]), places)
def test_noise_ends_in_one_verdict_and_no_exception(noise: bytes, before: bytes, places: list[int]) -> None:
    listener = heard(cut(before + noise, places))
    assert len(listener.answers) + len(listener.losses) == 1
