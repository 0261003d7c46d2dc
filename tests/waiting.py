"""Waiting for another process: by condition, never by a fixed time."""

import select
import time
from collections.abc import Callable

PATIENCE = 120.0


def wait_until[T](
    condition: Callable[[], T], what: str, *, within: float = PATIENCE, explain: Callable[[], str] | None = None
) -> T:
    """The first true answer of `condition`; fails naming `what` when there is none `within` seconds."""
    end = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {within:g} s until {what}" + (f"\n{explain()}" if explain else ""))
        select.select([], [], [], 0.05)
