"""The pace of one batch: tokens before it is marked, domains before it is sent, and what the answers teach."""

import asyncio
from collections.abc import Sequence

from executions.delivery import slowness
from executions.delivery.batches import Claim
from executions.delivery.breaker import Available
from executions.delivery.domains import over_rate, reason_of, stand_in_line, throttled_domain
from executions.delivery.fates import parked
from executions.delivery.resting import rest
from executions.delivery.runtime import Runtime
from executions.delivery.window import Window
from providers.contract import Message, Result

# Tokens of messages that were not begun by then are spent: others may have been granted theirs meanwhile.
TOKEN_SECONDS = 1.0


class Pace:
    """`wait`: the rates give nothing more for so many seconds; None while they do.

    `held`: messages that are marked wait for tokens too. `domain`: the recipients' one domain, where the batch has
    waited for its rate. `throttled`: the round's, by place.
    """

    def __init__(self, runtime: Runtime, provider: Available, claim: Claim, domain: str | None) -> None:
        self._runtime = runtime
        self._provider = provider
        self._claim = claim
        self._domain = domain
        self._clock = asyncio.get_running_loop().time
        self._begun = self._clock()
        self._lapsed = False
        self._alarm: float | None = None
        self._taken = False
        self.wait: float | None = None
        self.gives_way = False
        self.held = False
        self.throttled: dict[int, Result] = {}

    @property
    def out_of_tokens(self) -> bool:
        """Not for a domain alone: other batches of the execution have nothing to get either."""
        return self.wait is not None and self._domain is None

    @property
    def goes_on(self) -> bool:
        return self.wait is None and not self.gives_way

    async def take(self, want: int) -> int:
        """Tokens for so many more. After the first of them bulk gives way to transactional executions."""
        if self._taken and not self._provider.urgent and await self._runtime.rates.urgent_waits():
            self.gives_way = True
            return 0
        self._taken = True
        return await self._take(want)

    async def _take(self, want: int) -> int:
        taken = await self._runtime.rates.take(self._provider, want, domain=self._domain)
        if taken.granted < want:
            self.wait = taken.wait
        return taken.granted

    async def admit(self, window: Window) -> list[Message]:
        """Those of the waiting messages that may go now; who is over the rate of a domain is parked."""
        messages, window.waiting = window.waiting, []
        if self._lapsed and messages:
            granted = await self._take(len(messages))
            messages, window.waiting = messages[:granted], messages[granted:]
            self.held = bool(window.waiting)
        self._lapsed = False
        if self._domain is None:
            messages = await self._within_domains(window, messages)
        self._begun = self._clock()
        return messages

    async def _within_domains(self, window: Window, messages: list[Message]) -> list[Message]:
        over = await over_rate(self._runtime.rates, self._provider, messages)
        if not over:
            return messages
        for index, domain, wait in over:
            window.fates[index] = parked(reason_of(domain), wait, attempts=self._claim.attempt)
        self._alarm = min(wait for _, _, wait in over)
        return [message for message in messages if message.index not in window.fates]

    async def learn(self, messages: Sequence[Message], unsent: Sequence[Message], *, settled: int) -> None:
        """A throttling answer halves the rate: of the domain that alone was refused, else of the provider."""
        seconds = self._clock() - self._begun
        self._lapsed = bool(self.throttled) or seconds > TOKEN_SECONDS
        if not self.throttled:
            return
        results, self.throttled = self.throttled, {}
        domain = self._domain or throttled_domain(
            messages, throttled=set(results), unasked={message.index for message in unsent}
        )
        await slowness.slow_down(
            await self._runtime.connection(),
            self._runtime.rates,
            self._provider,
            too_fast=settled / max(seconds, 0.1) * self._provider.processes,
            domain=domain if slowness.has_domains(self._provider) else None,
            pause=max(result.retry_after or 0.0 for result in results.values()),
        )

    async def leave(self, window: Window) -> None:
        """After the batch was left: whoever waits for tokens is woken when there are some."""
        waits = [wait for wait in (self.wait, self._alarm) if wait is not None]
        if not waits:
            return
        rates, connection = self._runtime.rates, await self._runtime.connection()
        if self.wait is None or self._domain is not None:
            await rates.set_alarm(self._claim.execution_id, min(waits))
        else:
            await rest(connection, rates, self._claim.execution_id, self.wait)
        rate = rates.domain_rate(self._provider, self._domain) if self._domain else None
        if self.wait is not None and self._domain and rate:
            await stand_in_line(connection, self._claim.execution_id, self._domain, wait=self.wait, rate=rate)
