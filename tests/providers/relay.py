"""Sending to a scripted relay."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from providers.contract import Message
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import Security, SmtpConfig
from tests.providers.contract import Sent, closing, run, send
from tests.providers.receiver import CHUNKED, PIPELINED, PLAIN, Receiver, Reply, Script

WAYS = {"lockstep": PLAIN, "pipelined": PIPELINED, "chunked": CHUNKED}
every_way = pytest.mark.parametrize("way", WAYS)


def deliver(receiver: Receiver, messages: Sequence[Message], **config: Any) -> Sent:
    async def scenario() -> Sent:
        async with receiver.listening():
            options = {"security": Security.NONE, "connections": 1, **config}
            async with closing(SmtpAdapter(SmtpConfig("127.0.0.1", receiver.port, **options))) as adapter:
                return await send(adapter, messages)

    return run(scenario())


def script(wanted: str, reply: Reply, *, at: int | None = None, about: str = "") -> Script:
    """Answers one verb: its n-th command, or those whose argument mentions someone."""

    def answer(verb: str, argument: str, n: int) -> Reply | None:
        return reply if verb == wanted and n == (at or n) and about in argument else None

    return answer


def end(way: str) -> str:
    return "BDAT" if way == "chunked" else "END"


class ShiftedLoop(asyncio.SelectorEventLoop):
    shift = 0.0

    def time(self) -> float:
        return super().time() + self.shift
