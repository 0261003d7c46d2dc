"""Any SMTP relay, over a few connections that outlast the chunks."""

import asyncio
from collections.abc import Sequence

from providers.contract import USUAL_CHUNK, Journal, Message, ProbeResult, ProviderSettings, Settle, Verdict
from providers.email.smtp_config import SmtpConfig, smtp_config
from providers.email.smtp_login import connect
from providers.email.smtp_session import Refused, SmtpSession
from providers.feed import Feed, share_out

WORTH_A_CONNECTION = 4
CLOSING_TIME = 2.0


class SmtpAdapter:
    chunk = USUAL_CHUNK

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config
        self._context = config.tls_context()
        self._slots = asyncio.Semaphore(config.connections)
        self._idle: list[SmtpSession] = []
        self._reaper: asyncio.TimerHandle | None = None

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> "SmtpAdapter":
        """Raises ConfigError."""
        return cls(smtp_config(settings))

    @property
    def grace(self) -> float:
        return self._config.connect_timeout + self._config.answer_timeout

    async def send(self, messages: Sequence[Message], *, journal: Journal, deadline: float, settle: Settle) -> None:
        clock = asyncio.get_running_loop().time
        feed = Feed(messages, journal=journal, deadline=deadline, settle=settle, clock=clock)
        wanted = min(self._config.connections, -(-len(messages) // WORTH_A_CONNECTION))
        await share_out(feed, self._work, workers=wanted)

    async def probe(self) -> ProbeResult:
        try:
            session = await connect(self._config, self._context)
        except Refused as refused:
            return ProbeResult(ok=False, message=refused.result.response or "")
        details = _details(session)
        session.quit()
        await session.closed
        return ProbeResult(ok=True, message=f"{session.name} is ready to take mail.", details=details)

    async def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        sessions, self._idle = self._idle, []
        for session in sessions:
            session.quit()
        if sessions:
            await asyncio.wait([session.closed for session in sessions], timeout=CLOSING_TIME)
            for session in sessions:
                session.abort("closed")

    async def _work(self, feed: Feed) -> None:
        async with self._slots:
            while feed.waiting:
                try:
                    session = self._take_idle() or await connect(self._config, self._context)
                except Refused as refused:
                    feed.retire(refused.result)
                    break
                run = await session.run(feed)
                if run.failure is None:
                    self._keep(session)
                elif not session.proven or run.failure.verdict is Verdict.THROTTLED:
                    feed.retire(run.failure)
                    break

    def _take_idle(self) -> SmtpSession | None:
        while self._idle:
            session = self._idle.pop()
            if session.usable and session.idle_for < self._config.idle_timeout:
                return session
            session.quit()
        return None

    def _keep(self, session: SmtpSession) -> None:
        if session.carried >= self._config.messages_per_connection:
            session.quit()
        if not session.usable:
            return
        self._idle.append(session)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(self._config.idle_timeout, self._reap)

    def _reap(self) -> None:
        self._reaper = None
        kept, self._idle = self._idle, []
        for session in kept:
            if session.usable and session.idle_for < self._config.idle_timeout:
                self._keep(session)
            else:
                session.quit()


def _details(session: SmtpSession) -> tuple[str, ...]:
    server = session.extensions
    offers = {
        "PIPELINING": server.pipelining,
        "CHUNKING": server.chunking,
        "8BITMIME": server.eight_bit,
        "SMTPUTF8": server.utf8,
    }
    return (
        "encrypted" if session.encrypted else "not encrypted",
        "logged in" if session.config.username else "no login",
        f"offers {', '.join(name for name, offered in offers.items() if offered) or 'no extensions'}",
    )
