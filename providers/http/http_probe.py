"""*Test connection*: an empty GET with our credentials, and what its answer says about the settings."""

import asyncio

from providers.contract import ProbeResult, Result
from providers.http.http_replies import Answer, words
from providers.http.http_session import HttpSession


class _Probe:
    """The flow of one request that carries no message."""

    def __init__(self, session: HttpSession, request: bytes) -> None:
        self._session = session
        self._request = request
        self.answer: Answer | None = None
        self.words = ""
        self.done: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self._session.write(self._request)

    def on_answer(self, answer: Answer) -> None:
        self.answer = answer
        self._finish()

    def lost(self, words: str, *, silent: bool) -> None:
        self.words = words
        self._finish()

    def abandon(self) -> None:
        self._finish()

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def probe_over(session: HttpSession, request: bytes) -> tuple[Answer | None, str]:
    """The answer, or why there is none."""
    probe = _Probe(session, request)
    await session.run(probe)
    return probe.answer, probe.words


def judge_probe(name: str, answer: Answer | None, lost: str, *, encrypted: bool) -> ProbeResult:
    """A POST address may well answer a GET with 404 or 405; it must know us, be there, and be at its address."""
    details = ("encrypted" if encrypted else "not encrypted",)
    if answer is None:
        return ProbeResult(False, lost, details)
    said = words(answer)
    if 300 <= answer.status <= 399:
        return ProbeResult(False, f"{name} answers {said}", details)
    if answer.status in (401, 402, 403, 407):
        return ProbeResult(False, f"{name} refuses our credentials: {said}", details)
    if answer.status >= 500:
        return ProbeResult(False, f"{name} answers, but is out of order: {said}", details)
    return ProbeResult(True, f"{name} answers.", (*details, f"a GET, which sends nothing, was answered {said[:100]}"))
