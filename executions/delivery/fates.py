"""What became of one recipient: a final row of the ledger, or another try later."""

import random
from typing import NamedTuple

from django.conf import settings

from campaigns.models import OnUnknown
from executions.states import FailReason, Outcome, SkipReason
from providers.contract import Result, Verdict

THROTTLED_SECONDS = 30.0
# Why a batch waits whose recipients may have been sent to already.
RESEND = "resend"


class Fate(NamedTuple):
    """`outcome` None: parked for `wait` seconds, as attempt `attempts`. `at` is the loop's clock when it was sent.

    `maybe_sent`: parked though it may have arrived, so its use of the frequency caps stays.
    """

    outcome: Outcome | None
    reason: str | None = None
    detail: str | None = None
    response: str | None = None
    attempts: int = 0
    at: float | None = None
    wait: float = 0.0
    dead_address: bool = False
    maybe_sent: bool = False


def skipped(reason: SkipReason, detail: str | None = None, *, attempts: int = 0) -> Fate:
    return Fate(Outcome.SKIPPED, reason.value, detail, attempts=attempts)


def render_error(words: str, *, attempts: int = 0) -> Fate:
    return Fate(Outcome.FAILED, FailReason.RENDER_ERROR.value, words[:500], attempts=attempts)


def parked(reason: str, wait: float, *, attempts: int) -> Fate:
    return Fate(None, reason, attempts=attempts, wait=wait)


def fate_of(result: Result, *, attempts: int, on_unknown: str, at: float) -> Fate | None:
    """`attempts` were made before this one. None: it was not begun, and is still to be sent."""
    verdict, reason, response, retry_after, dead = result
    if verdict is Verdict.SENT:
        # Nearly all are: half the time of Fate(…), which goes through Python to fill in its defaults.
        return tuple.__new__(Fate, (Outcome.SENT, None, None, response, attempts + 1, at, 0.0, False, False))
    if verdict is Verdict.FAILED:
        return Fate(Outcome.FAILED, _fail_reason(reason), None, response, attempts + 1, dead_address=dead)
    if verdict is Verdict.RETRY:
        return _again("retry", response, attempts + 1, retry_after)
    if verdict is Verdict.THROTTLED:
        return parked("throttled", retry_after or THROTTLED_SECONDS, attempts=attempts)
    if verdict is Verdict.UNKNOWN:
        return in_doubt(attempts=attempts + 1, on_unknown=on_unknown, response=response)
    return None


def in_doubt(*, attempts: int, on_unknown: str, response: str | None = None) -> Fate:
    """Handed over and never answered: the campaign chose what that means."""
    if on_unknown == OnUnknown.RESEND and attempts <= len(_delays()):
        wait = _jittered(_delays()[attempts - 1])
        return Fate(None, RESEND, attempts=attempts, wait=wait, maybe_sent=True)
    return Fate(Outcome.UNKNOWN, None, None, response, attempts)


def _again(why: str, response: str | None, attempts: int, retry_after: float | None) -> Fate:
    delays = _delays()
    if attempts > len(delays):
        return Fate(Outcome.FAILED, FailReason.RETRIES_EXHAUSTED.value, None, response, attempts)
    return parked(why, max(_jittered(delays[attempts - 1]), retry_after or 0.0), attempts=attempts)


def _fail_reason(reason: str | None) -> str:
    return reason if reason in FailReason.values else FailReason.REJECTED.value


def _delays() -> list[int]:
    """Seconds before the second attempt, the third, …"""
    delays: list[int] = settings.RETRY_DELAYS
    return delays


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1.0, 1.1)  # noqa: S311 - spreads load, keeps no secret
