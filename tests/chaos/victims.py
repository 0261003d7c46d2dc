"""Whom to kill, and how soon what they had in flight is taken up again."""

import os
import random
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg

from tests.chaos.rig import Rig
from tests.waiting import wait_until

POLL_SECONDS = 0.1


class Held(NamedTuple):
    """A batch that a worker has in flight. `journal` is its file's name."""

    id: int
    token: UUID
    journal: str
    position: int


def held_batches(rig: Rig, execution_ids: list[int]) -> list[Held]:
    """Those of which something is marked and not recorded."""
    rows = rig.ask(
        "SELECT id, lease_token, journal, position FROM executions_batch"
        " WHERE execution_id = ANY (%s) AND lease_token IS NOT NULL AND marked_to > position ORDER BY id",
        [execution_ids],
    )
    return [Held(id, token, journal.rpartition("/")[2], position) for id, token, journal, position in rows]


def journals_of(pid: int) -> set[str]:
    """The names of the journal files that a process has open."""
    try:
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {Path(link).name for link in links if link.endswith(".journal")}


def working_child(
    rig: Rig, execution_ids: list[int], dice: random.Random, *, besides: Collection[int] = ()
) -> tuple[int, Held]:
    """A child with messages in flight, and its batch; `besides` those known already."""

    def look() -> tuple[int, Held] | None:
        children = sorted(set(rig.children()).difference(besides))
        dice.shuffle(children)
        batches = {held.journal: held for held in held_batches(rig, execution_ids)}
        for pid in children:
            for journal in journals_of(pid) & batches.keys():
                return pid, batches[journal]
        return None

    found = wait_until(look, "a worker's child has messages in flight", explain=rig.stack.worker.tail)
    assert found is not None
    return found


class Recovery:
    """From kill to the batch being settled or taken on, by PostgreSQL's clock. `worst` is in seconds."""

    def __init__(self, rig: Rig) -> None:
        self._url = rig.postgres.url
        self._lock = threading.Lock()
        self._open: dict[int, tuple[Held, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.took: list[float] = []

    def __enter__(self) -> "Recovery":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def worst(self) -> float | None:
        return max(self.took, default=None)

    def killed(self, held: Held) -> None:
        """The owner of this batch has just died. (A batch that another death hit before it was taken up counts on.)"""
        with self._lock:
            self._open.setdefault(held.id, (held, time.monotonic()))

    def settle(self, within: float = 120.0) -> None:
        """Until all have been taken up."""
        wait_until(lambda: not self._open, "every killed worker's batch is recovered", within=within)

    def _watch(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ended.wait(POLL_SECONDS):
                with self._lock:
                    waiting = dict(self._open)
                if waiting:
                    self._look(connection, waiting)

    def _look(self, connection: psycopg.Connection, waiting: dict[int, tuple[Held, float]]) -> None:
        rows = connection.execute(
            "SELECT id, lease_token, position, position = size FROM executions_batch WHERE id = ANY (%s)",
            [list(waiting)],
        ).fetchall()
        for id, token, position, done in rows:
            held, died = waiting[id]
            if token != held.token and (token is None or position > held.position or done):
                with self._lock:
                    del self._open[id]
                self.took.append(time.monotonic() - died)
