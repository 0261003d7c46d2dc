"""Sending to a scripted relay."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from providers.contract import Message
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import Security, SmtpConfig
from tests.providers.contract import LONG, Sent, ShiftedLoop, closing, run, send
from tests.providers.receiver import CHUNKED, PIPELINED, PLAIN, Receiver, Reply, Script

WAYS = {"lockstep": PLAIN, "pipelined": PIPELINED, "chunked": CHUNKED}
ANSWER_TIMEOUT = LONG / 2
every_way = pytest.mark.parametrize("way", WAYS)


def deliver(receiver: Receiver, messages: Sequence[Message], **config: Any) -> Sent:
    return run(_delivery(receiver, messages, **config))


def deliver_in_vain(receiver: Receiver, messages: Sequence[Message]) -> Sent:
    """The time of an answer is over as soon as the receiver's script has one: it is waited for by the clock alone."""
    loop, scripted = ShiftedLoop(), receiver.script

    def late(verb: str, argument: str, n: int) -> Reply | None:
        reply = scripted(verb, argument, n)
        loop.shift += 0 if reply is None else ANSWER_TIMEOUT
        return reply

    receiver.script = late
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_delivery(receiver, messages, answer_timeout=ANSWER_TIMEOUT))


async def _delivery(receiver: Receiver, messages: Sequence[Message], **config: Any) -> Sent:
    async with receiver.listening():
        options = {"security": Security.NONE, "connections": 1, **config}
        async with closing(SmtpAdapter(SmtpConfig("127.0.0.1", receiver.port, **options))) as adapter:
            return await send(adapter, messages)


def script(wanted: str, reply: Reply, *, at: int | None = None, about: str = "") -> Script:
    """Answers one verb: its n-th command, or those whose argument mentions someone."""

    def answer(verb: str, argument: str, n: int) -> Reply | None:
        return reply if verb == wanted and n == (at or n) and about in argument else None

    return answer


def end(way: str) -> str:
    return "BDAT" if way == "chunked" else "END"
