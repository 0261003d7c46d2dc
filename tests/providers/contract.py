"""What every adapter must do: one suite, run over each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from providers.contract import (
    HANDED_OVER,
    UNTOUCHED,
    Adapter,
    Message,
    ProbeResult,
    Result,
    Verdict,
    outcome_code,
)

LONG = 30.0
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def run[T](coroutine: Coroutine[Any, Any, T], loop: str = "uvloop") -> T:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(asyncio.wait_for(coroutine, LONG * 2))


class ShiftedLoop(asyncio.SelectorEventLoop):
    """Its clock goes forward when a test says so."""

    shift = 0.0

    def time(self) -> float:
        return super().time() + self.shift


class Journal:
    """A journal that remembers all that was ever written to it."""

    def __init__(self, size: int) -> None:
        self.octets = bytearray(size)
        self.history: list[list[int]] = [[] for _ in range(size)]

    def __setitem__(self, index: int, value: int, /) -> None:
        self.octets[index] = value
        self.history[index].append(value)

    def __len__(self) -> int:
        return len(self.octets)


@dataclass
class Sent:
    """What one `send` did; a message settled twice fails the test."""

    journal: Journal
    results: dict[int, Result] = field(default_factory=dict)

    def settle(self, index: int, result: Result) -> None:
        assert index not in self.results, f"message {index} was settled twice"
        self.results[index] = result

    @property
    def verdicts(self) -> list[Verdict]:
        return [self.results[index].verdict for index in sorted(self.results)]

    def check(self, messages: Sequence[Message]) -> None:
        assert sorted(self.results) == [message.index for message in messages]
        for index, result in self.results.items():
            assert self.journal.octets[index] == outcome_code(result.verdict)
            assert len(result.response or "") <= 500


async def send(adapter: Adapter, messages: Sequence[Message], *, seconds: float = LONG) -> Sent:
    sent = Sent(Journal(max((message.index for message in messages), default=-1) + 1))
    deadline = asyncio.get_running_loop().time() + seconds
    await adapter.send(messages, journal=sent.journal, deadline=deadline, settle=sent.settle)
    sent.check(messages)
    return sent


@asynccontextmanager
async def closing[A: Adapter](adapter: A) -> AsyncIterator[A]:
    try:
        yield adapter
    finally:
        await adapter.close()


class AdapterContract:
    """Subclasses say how an adapter is opened and what its messages look like."""

    def opened(self) -> AbstractAsyncContextManager[Adapter]:
        """A working adapter whose receiver takes everything."""
        raise NotImplementedError

    def message(self, index: int) -> Message:
        raise NotImplementedError

    def messages(self, count: int) -> list[Message]:
        return [self.message(index) for index in range(count)]

    @pytest.mark.parametrize("count", [1, 7, 120])
    @pytest.mark.parametrize("loop", LOOPS)
    def test_settles_each_message_once_and_journals_it_before_and_after(self, loop: str, count: int) -> None:
        async def scenario() -> Sent:
            async with self.opened() as adapter:
                return await send(adapter, self.messages(count))

        sent = run(scenario(), loop)
        assert sent.verdicts == [Verdict.SENT] * count
        assert sent.journal.history == [[HANDED_OVER, outcome_code(Verdict.SENT)]] * count

    def test_takes_an_empty_chunk(self) -> None:
        async def scenario() -> Sent:
            async with self.opened() as adapter:
                return await send(adapter, [])

        assert run(scenario()).results == {}

    def test_begins_nothing_after_the_deadline(self) -> None:
        async def scenario() -> Sent:
            async with self.opened() as adapter:
                return await send(adapter, self.messages(5), seconds=-1)

        sent = run(scenario())
        assert sent.verdicts == [Verdict.UNSTARTED] * 5
        assert set(sent.journal.octets) == {UNTOUCHED}
        assert not any(HANDED_OVER in written for written in sent.journal.history)

    def test_serves_two_chunks_at_once_and_more_after_them(self) -> None:
        async def scenario() -> list[Sent]:
            async with self.opened() as adapter:
                both = await asyncio.gather(send(adapter, self.messages(30)), send(adapter, self.messages(20)))
                return [*both, await send(adapter, self.messages(10))]

        assert [sent.verdicts for sent in run(scenario())] == [[Verdict.SENT] * n for n in (30, 20, 10)]

    def test_settles_everything_before_it_gives_in_to_a_cancellation(self) -> None:
        async def scenario() -> Sent:
            sent, messages = Sent(Journal(200)), self.messages(200)
            begun = asyncio.Event()

            def settle(index: int, result: Result) -> None:
                sent.settle(index, result)
                begun.set()

            async with self.opened() as adapter:
                deadline = asyncio.get_running_loop().time() + LONG
                sending = asyncio.ensure_future(
                    adapter.send(messages, journal=sent.journal, deadline=deadline, settle=settle)
                )
                await asyncio.sleep(0)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
            sent.check(messages)
            return sent

        assert set(run(scenario()).verdicts) <= {Verdict.SENT, Verdict.UNKNOWN, Verdict.UNSTARTED}

    def test_a_bug_in_settling_is_raised_and_not_swallowed(self) -> None:
        def settle(index: int, result: Result) -> None:
            raise ZeroDivisionError

        async def scenario() -> None:
            async with self.opened() as adapter:
                deadline = asyncio.get_running_loop().time() + LONG
                await adapter.send(self.messages(1), journal=bytearray(1), deadline=deadline, settle=settle)

        with pytest.raises(ZeroDivisionError):
            run(scenario())

    def test_probes(self) -> None:
        async def scenario() -> ProbeResult:
            async with self.opened() as adapter:
                return await adapter.probe()

        assert run(scenario()).ok

    def test_promises_how_long_it_may_outlast_the_deadline(self) -> None:
        async def scenario() -> float:
            async with self.opened() as adapter:
                return adapter.grace

        assert run(scenario()) > 0
