"""Somebody who posts events while processes are killed, and remembers what was taken."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

from tests.running.client import Client

PAUSE_SECONDS = 0.05


class Poster(threading.Thread):
    """Posts event after event, `at_once` a call and `pause` seconds between two, each of a person of its own.

    A call without an answer of 200 is repeated as it is until it has one. `taken` are the addresses of those that
    were answered so, `failed` counts the calls that were not.
    """

    def __init__(self, client: Client, event: str, *, label: str, at_once: int = 1, pause: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.event = event
        self.label = label
        self.at_once = at_once
        self.pause = pause
        self.taken: list[str] = []
        self.failed = 0
        self.enough = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            number += 1
            self._post([f"{self.label}-{number}-{place}" for place in range(self.at_once)])
            self.enough.wait(self.pause)

    def _post(self, ids: Sequence[str]) -> None:
        body = {"events": [event_of(self.event, id) for id in ids]}
        while not self._answered(body):
            self.failed += 1
            if self.enough.wait(PAUSE_SECONDS):
                return
        self.taken += map(address_of, ids)

    def _answered(self, body: object) -> bool:
        try:
            answer = self.client.request("POST", "/api/v1/events", body)
        except Exception:  # a connection can end in the middle of an answer in many ways
            return False
        return answer.status == 200 and answer.json()["rejected_count"] == 0


def address_of(id: str) -> str:
    return f"{id}@example.test"


def event_of(name: str, id: str, **fields: object) -> dict[str, object]:
    """Of a person of its own, whom it makes known."""
    return {"name": name, "email": address_of(id), "message_id": id, "properties": {"sku": id}, **fields}


@contextlib.contextmanager
def posting(posters: Sequence[Poster]) -> Iterator[None]:
    """When it is left, they have ended."""
    for poster in posters:
        poster.start()
    try:
        yield
    finally:
        for poster in posters:
            poster.enough.set()
        for poster in posters:
            poster.join()


def taken_by(posters: Sequence[Poster]) -> set[str]:
    return {address for poster in posters for address in list(poster.taken)}
