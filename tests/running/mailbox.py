"""A real SMTP receiver that keeps every message it accepted."""

import asyncio
import math
import threading
import time
from collections import defaultdict
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from config.embedded.ports import free_port
from tests.waiting import PATIENCE


class Mailbox:
    """Thread-safe; `hold()` makes the receiver refuse for now, `release()` makes it accept again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raw: dict[str, list[bytes]] = defaultdict(list)
        self._holding = threading.Event()
        self.delay = 0.0
        self._most: float = math.inf
        self._seen = -1
        self._since = 0.0
        self.port = free_port()
        self._controller: Controller | None = None

    def start(self) -> None:
        """Also again after a stop, on the same port."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=PATIENCE)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def wait_after(self, most: int) -> None:
        """Whoever brings more than so many messages is answered once `go_on()` is called."""
        self._most = most

    def go_on(self) -> None:
        self._most = math.inf

    def hold(self) -> None:
        self._holding.set()

    def release(self) -> None:
        self._holding.clear()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self._holding.is_set():
            return "451 4.3.2 Not now"
        await asyncio.sleep(self.delay)
        while self.count >= self._most:  # noqa: ASYNC110 -- told by another thread
            await asyncio.sleep(0.01)
        with self._lock:
            for recipient in envelope.rcpt_tos:
                self._raw[recipient].append(bytes(envelope.content))
        return "250 2.0.0 Ok: queued"

    @property
    def count(self) -> int:
        with self._lock:
            return sum(len(messages) for messages in self._raw.values())

    def has_more_than(self, threshold: int) -> bool:
        return self.count > threshold

    def is_quiet(self) -> int:
        """The count, once nothing has come for two seconds; 0 before."""
        now = time.monotonic()
        if self.count != self._seen:
            self._seen, self._since = self.count, now
        return self._seen if now - self._since > 2 else 0

    def recipients(self) -> dict[str, int]:
        """Address to the number of messages that it got."""
        with self._lock:
            return {address: len(messages) for address, messages in self._raw.items()}

    def message(self, address: str) -> EmailMessage:
        """The only message of an address."""
        with self._lock:
            (raw,) = self._raw[address]
        parsed = message_from_bytes(raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed
