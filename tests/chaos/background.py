"""An event loop in a thread: receivers and proxies work in it while a fault is done."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

CALL_SECONDS = 60.0


class Background:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Background":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    def call[Answer](self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Runs in the loop; waits for the answer."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)
