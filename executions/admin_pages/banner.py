"""Which of worker, beat and Valkey has been silent: shown on every page, looked up at most every few seconds."""

import threading
import time

from executions.delivery.heartbeat import silent_components

KEPT_SECONDS = 5.0

_NAMES = {"worker": "the worker", "beat": "beat", "valkey": "Valkey"}
_lock = threading.Lock()
_kept: tuple[float, tuple[str, ...]] = (-KEPT_SECONDS, ())


def silent_parts() -> tuple[str, ...]:
    """Names of the silent parts. While one thread asks, the others show what was last known."""
    global _kept
    asked_at, names = _kept
    if time.monotonic() - asked_at < KEPT_SECONDS or not _lock.acquire(blocking=False):
        return names
    try:
        _kept = (time.monotonic(), _ask())
        return _kept[1]
    finally:
        _lock.release()


def _ask() -> tuple[str, ...]:
    return tuple(_NAMES.get(name, name) for name in silent_components())
