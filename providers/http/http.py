"""A service that takes our JSON over HTTP, over a few connections that outlast the chunks."""

import asyncio
from collections.abc import Sequence

from providers.contract import USUAL_CHUNK, Journal, Message, ProbeResult, ProviderSettings, Result, Settle
from providers.feed import Feed, share_out
from providers.http.http_config import HttpConfig, http_batch_config, http_config
from providers.http.http_connect import Refused, connect
from providers.http.http_flow import BatchFlow, BatchSize, Flow, SingleFlow, Way
from providers.http.http_probe import judge_probe, probe_over
from providers.http.http_request import Requests
from providers.http.http_session import HttpSession

WORTH_A_CONNECTION = 4
CLOSING_TIME = 2.0


class HttpAdapter:
    """One message a request, or with `batch_size` set many."""

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._context = config.tls_context()
        self._slots = asyncio.Semaphore(config.connections)
        self._way = Way(Requests(config), BatchSize(config.batch_size), config.batch_bytes)
        self._flow_class: type[Flow] = BatchFlow if config.batch_size else SingleFlow
        self._idle: list[HttpSession] = []
        self._reaper: asyncio.TimerHandle | None = None

    @classmethod
    def single(cls, settings: ProviderSettings) -> "HttpAdapter":
        """Raises ConfigError."""
        return cls(http_config(settings))

    @classmethod
    def batch(cls, settings: ProviderSettings) -> "HttpAdapter":
        """Raises ConfigError."""
        return cls(http_batch_config(settings))

    @property
    def chunk(self) -> int:
        return max(USUAL_CHUNK, self._config.batch_size)

    @property
    def grace(self) -> float:
        return self._config.connect_timeout + self._config.answer_timeout

    async def send(self, messages: Sequence[Message], *, journal: Journal, deadline: float, settle: Settle) -> None:
        clock = asyncio.get_running_loop().time
        feed = Feed(messages, journal=journal, deadline=deadline, settle=settle, clock=clock)
        await share_out(feed, self._work, workers=self._wanted(len(messages)))

    async def probe(self) -> ProbeResult:
        try:
            session = await connect(self._config, self._context)
        except Refused as refused:
            return ProbeResult(ok=False, message=refused.result.response or "")
        encrypted = session.encrypted
        answer, words = await probe_over(session, self._way.requests.probe())
        session.abort("probed")
        return judge_probe(self._config.name, answer, words, encrypted=encrypted)

    async def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        sessions, self._idle = self._idle, []
        for session in sessions:
            session.close()
        if sessions:
            await asyncio.wait([session.closed for session in sessions], timeout=CLOSING_TIME)
            for session in sessions:
                session.abort("closed")

    def _wanted(self, messages: int) -> int:
        return min(self._config.connections, -(-messages // (self._way.size.now or WORTH_A_CONNECTION)))

    async def _work(self, feed: Feed) -> None:
        async with self._slots:
            await asyncio.sleep(0)  # what servers closed meanwhile is noticed before it is written to
            while feed.waiting:
                try:
                    session = self._take_idle() or await connect(self._config, self._context)
                except Refused as refused:
                    feed.retire(refused.result)
                    break
                failure: Result | None = await session.run(self._flow_class(session, feed, self._way))
                if failure is None:
                    self._keep(session)
                elif not session.proven:
                    feed.retire(failure)
                    break

    def _take_idle(self) -> HttpSession | None:
        while self._idle:
            session = self._idle.pop()
            if session.fresh:
                return session
            session.close()
        return None

    def _keep(self, session: HttpSession) -> None:
        if not session.usable:
            return
        self._idle.append(session)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(max(self._config.idle_timeout, 0.1), self._reap)

    def _reap(self) -> None:
        self._reaper = None
        kept, self._idle = self._idle, []
        for session in kept:
            if session.fresh:
                self._keep(session)
            else:
                session.close()
