"""The messages of one `send` call, shared by the connections that work on them."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence

from providers.contract import (
    FINISH_SECONDS,
    HANDED_OVER,
    UNTOUCHED,
    Journal,
    Message,
    Result,
    Settle,
    Verdict,
    outcome_code,
)

THROTTLES_IN_A_ROW = 10
UNSTARTED = Result(Verdict.UNSTARTED)
_SENT = outcome_code(Verdict.SENT)


class Feed:
    """Hands messages out, keeps the journal, and settles each message once."""

    __slots__ = (
        "_clock",
        "_deadline",
        "_failure",
        "_journal",
        "_open",
        "_settle",
        "_stopped",
        "_throttles",
        "_waiting",
        "answered",
    )

    def __init__(
        self,
        messages: Sequence[Message],
        *,
        journal: Journal,
        deadline: float,
        settle: Settle,
        clock: Callable[[], float],
    ) -> None:
        self._waiting = deque(messages)
        self._open = {message.index for message in messages}
        self._journal = journal
        self._deadline = deadline
        self._settle = settle
        self._clock = clock
        self._failure: Result | None = None
        self._stopped = False
        self._throttles = 0
        self.answered = False

    @property
    def expired(self) -> bool:
        return self._clock() >= self._deadline

    @property
    def overdue(self) -> bool:
        """Not even what is begun may be handed over any more."""
        return self._clock() >= self._deadline + FINISH_SECONDS

    @property
    def waiting(self) -> bool:
        return bool(self._waiting) and not self._stopped and not self.expired

    def take(self) -> Message | None:
        if not self._waiting or self._stopped or self._clock() >= self._deadline:
            return None
        return self._waiting.popleft()

    def give_back(self, message: Message) -> None:
        """For a message that the receiver certainly has not accepted."""
        self._journal[message.index] = UNTOUCHED
        self._waiting.appendleft(message)

    def hand_over(self, message: Message) -> None:
        """To be called right before the write that may make the receiver accept the message."""
        self._journal[message.index] = HANDED_OVER

    def settle(self, message: Message, result: Result) -> None:
        self._open.remove(message.index)
        self._journal[message.index] = outcome_code(result.verdict)
        self._settle(message.index, result)

    def answer(self, message: Message, result: Result) -> None:
        """Settles by the receiver's own answer; stops the feed when it refuses us and not the recipient."""
        if result.verdict is Verdict.SENT:
            self.accept(message, result)
            return
        self.answered = True
        self._refused(result)
        self.settle(message, result)

    def accept(self, message: Message, result: Result) -> None:
        """The answer that nearly all give: `result` is SENT."""
        self.answered = True
        self._throttles = 0
        index = message.index
        self._open.remove(index)
        self._journal[index] = _SENT
        self._settle(index, result)

    def stop(self, failure: Result) -> None:
        """Nothing more is handed out; the rest is settled with this failure."""
        self._stopped = True
        self._failure = failure

    def retire(self, failure: Result) -> None:
        """A connection gives up; what is left when all have is settled with the last failure."""
        self._failure = failure

    def finish(self) -> None:
        """Settles what nobody took. Of what was too much only one is told so: the rest was never offered."""
        out_of_time = self.expired and self.answered and not self._stopped
        rest = UNSTARTED if self._failure is None or out_of_time else self._failure
        if rest.verdict is Verdict.THROTTLED:
            if self._waiting:
                self.settle(self._waiting.popleft(), rest)
            rest = UNSTARTED
        self._settle_waiting(rest)

    def abandon(self) -> None:
        self._settle_waiting(UNSTARTED)

    def _refused(self, result: Result) -> None:
        self._throttles = self._throttles + 1 if result.verdict is Verdict.THROTTLED else 0
        if result.verdict is Verdict.UNAVAILABLE or self._throttles >= THROTTLES_IN_A_ROW:
            self.stop(result)

    def _settle_waiting(self, result: Result) -> None:
        while self._waiting:
            self.settle(self._waiting.popleft(), result)


async def share_out(feed: Feed, work: Callable[[Feed], Coroutine[None, None, None]], *, workers: int) -> None:
    """Works on the feed over several connections at once. When one of them raises, or we are cancelled, all stop, and
    what was not begun stays for another call."""
    tasks = [asyncio.ensure_future(work(feed)) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        feed.abandon()
        raise
    feed.finish()
