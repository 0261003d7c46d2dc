"""The sandbox: takes every type, sends nothing, keeps what would be sent.

Like a real one it has connections, each with a few messages on its way: so many are in doubt when a worker dies.

Settings: `latency_ms` is how long each of them waits for its answer; `keep` is how many messages the workspace's outbox
holds; `rules` maps the end of an address to the verdict its messages get, for example
`{"@invalid.test": "failed", "@busy.test": "throttled"}`. The longest ending that fits decides.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError

from providers import outbox
from providers.contract import (
    USUAL_CHUNK,
    ConfigError,
    Journal,
    Message,
    ProbeResult,
    ProviderSettings,
    Result,
    Settle,
    Verdict,
    trouble,
)
from providers.feed import Feed

KEEP = 20_000
# Messages on their way over each of its connections.
DEPTH = 8
WRITE_SECONDS = 30.0
_ACCEPTED = (Verdict.SENT, Verdict.UNKNOWN)
_VERDICTS = {verdict.name.lower(): verdict for verdict in Verdict if verdict is not Verdict.UNSTARTED}


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    workspace_id: int
    type: str
    connections: int = 4
    latency: float = 0.0
    keep: int = KEEP
    rules: Mapping[str, Verdict] = field(default_factory=dict)


class SandboxAdapter:
    """The database is written in one thread of its own, which keeps the connection."""

    chunk = USUAL_CHUNK

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")
        self._unpruned = 0

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> "SandboxAdapter":
        """Raises ConfigError."""
        return cls(sandbox_config(settings))

    @property
    def grace(self) -> float:
        return WRITE_SECONDS + self._config.latency

    async def send(self, messages: Sequence[Message], *, journal: Journal, deadline: float, settle: Settle) -> None:
        clock = asyncio.get_running_loop().time
        feed = Feed(messages, journal=journal, deadline=deadline, settle=settle, clock=clock)
        try:
            while feed.waiting:
                await self._send_group(feed)
        except asyncio.CancelledError:
            feed.abandon()
            raise
        feed.finish()
        await self._prune()

    async def probe(self) -> ProbeResult:
        try:
            await self._in_thread(outbox.connect)
        except OperationalError as error:
            return ProbeResult(ok=False, message=f"The outbox cannot be written: {error}")
        return ProbeResult(ok=True, message="The sandbox keeps what would be sent and sends nothing.")

    async def close(self) -> None:
        await self._in_thread(outbox.disconnect)
        self._thread.shutdown()

    async def _send_group(self, feed: Feed) -> None:
        """Kept first and answered later: what the answer is missing for may have arrived, as with a real relay."""
        try:
            await self._in_thread(outbox.connect)
        except OperationalError as error:
            feed.stop(trouble(Verdict.UNAVAILABLE, f"The outbox cannot be written: {error}"))
            return
        accepted = self._take(feed)
        try:
            await self._in_thread(lambda: self._record([message for message, _ in accepted]))
            await asyncio.sleep(self._config.latency)
        except (OperationalError, asyncio.CancelledError) as error:
            for message, _ in accepted:
                feed.settle(message, trouble(Verdict.UNKNOWN, f"writing the outbox was cut short: {error}"))
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        for message, result in accepted:
            feed.answer(message, result)
        self._unpruned += len(accepted)

    def _take(self, feed: Feed) -> list[tuple[Message, Result]]:
        """As many as its connections carry: those that a rule refuses are settled, the others handed over."""
        accepted: list[tuple[Message, Result]] = []
        for _ in range(self._config.connections * DEPTH):
            message = feed.take()
            if message is None:
                break
            result = self._result_for(message)
            if result.verdict in _ACCEPTED:
                feed.hand_over(message)
                accepted.append((message, result))
            else:
                feed.answer(message, result)
        return accepted

    def _result_for(self, message: Message) -> Result:
        endings = [ending for ending in self._config.rules if message.address.endswith(ending)]
        if not endings:
            return _SENT
        verdict = self._config.rules[max(endings, key=len)]
        if verdict is not Verdict.FAILED:
            return trouble(verdict, f"the sandbox's rule says {verdict.name.lower()}")
        reason = "rejected" if self._config.type == "email" else "invalid_token"
        return Result(verdict, reason, "the sandbox's rule says failed", dead_address=True)

    def _record(self, messages: list[Message]) -> None:
        if messages:
            outbox.record(messages, workspace_id=self._config.workspace_id, type=self._config.type)

    async def _prune(self) -> None:
        """Rarely: the outbox may outgrow `keep` by a tenth."""
        if self._unpruned * 10 < self._config.keep:
            return
        self._unpruned = 0
        await self._in_thread(lambda: outbox.prune(workspace_id=self._config.workspace_id, keep=self._config.keep))

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, call)


def sandbox_config(settings: ProviderSettings) -> SandboxConfig:
    """Raises ConfigError naming every field that is wrong."""
    given = settings.config
    errors = {name: "The sandbox has no such setting." for name in given if name not in ("latency_ms", "keep", "rules")}
    for name, low, high in (("latency_ms", 0, 60_000), ("keep", 1, 10_000_000)):
        value = given.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            errors[name] = f"A whole number from {low} to {high}; this is {value!r}."
    rules: Any = given.get("rules", {})
    if not isinstance(rules, Mapping) or any(word not in _VERDICTS for word in rules.values()):
        errors["rules"] = f"An object of address endings, each with one of {', '.join(_VERDICTS)}."
    if errors:
        raise ConfigError(errors)
    return SandboxConfig(
        workspace_id=settings.workspace_id,
        type=settings.type,
        connections=max(settings.connections, 1),
        latency=given.get("latency_ms", 0) / 1000,
        keep=given.get("keep", KEEP),
        rules={ending: _VERDICTS[word] for ending, word in rules.items()},
    )


_SENT = Result(Verdict.SENT, None, "kept in the sandbox")
