"""Turns SDKs away in time: they keep what they could not send, and come back after `Retry-After`.

Per web process, in memory: this protects the admin and the API from a flood of events, and is no accounting.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from django.conf import settings

from common.errors import RateLimited

BURST_SECONDS = 5
PATIENCE_SECONDS = 1.0
REMEMBERED_KEYS = 10_000
_room = BoundedSemaphore(settings.INGEST_AT_ONCE)
_lock = Lock()
_levels: OrderedDict[int, tuple[float, float]] = OrderedDict()


@contextmanager
def room() -> Iterator[None]:
    """A place among the requests that are taken in at once. Raises RateLimited when none is free within a second."""
    if not _room.acquire(timeout=PATIENCE_SECONDS):
        raise RateLimited("Too many events arrive at once. Send them again a little later.", retry_after=2)
    try:
        yield
    finally:
        _room.release()


def spend(key_id: int, events: int, *, now: float | None = None) -> None:
    """Counts events against the rate of a write key: `INGEST_RATE` a second, five seconds' worth at once.

    Raises RateLimited, having counted nothing, when the bucket is empty; a batch larger than what is left passes
    once, and is paid for by those after it.
    """
    rate = settings.INGEST_RATE
    at = time.monotonic() if now is None else now
    with _lock:
        level, since = _levels.pop(key_id, (0.0, at))
        level = max(0.0, level - (at - since) * rate)
        full = level >= rate * BURST_SECONDS
        _levels[key_id] = (level if full else level + events, at)
        while len(_levels) > REMEMBERED_KEYS:
            _levels.popitem(last=False)
    if full:
        wait = int((level - rate * BURST_SECONDS) / rate) + 1
        raise RateLimited(f"This write key sends more than {rate:,} events a second.", retry_after=wait)
