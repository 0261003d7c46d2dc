"""One campaign to an audience of its own, and the receiver that its mail goes to."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from benchmarks.processes import sink
from benchmarks.world import World, make_world, tidy
from tests.chaos.rig import Rig
from tests.running.client import ENDED, Answer, Client
from tests.waiting import wait_until

CONNECTIONS = 4
# Over a second group of eight, as configured by default, where the receiver offers CHUNKING.
DEPTHS = {"--no-chunking": 1, "": 8}
FINISH_SECONDS = 600.0
_numbers = itertools.count(1)


class Log:
    """What the receiver accepted: it writes a line before it answers, so what is not here was not accepted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._read = 0
        self._count = 0

    def count(self) -> int:
        with self.path.open("rb") as file:
            file.seek(self._read)
            piece = file.read()
        self._read += len(piece)
        self._count += piece.count(b"\n")
        return self._count

    def addresses(self) -> Counter[str]:
        return Counter(self.path.read_text().split())


class Campaign:
    """`depth`: how many messages a connection has handed over at most without an answer."""

    def __init__(self, rig: Rig, world: World, people: int, log: Log, depth: int) -> None:
        self.rig = rig
        self.world = world
        self.people = people
        self.log = log
        self.in_flight = CONNECTIONS * depth
        self.client = Client(rig.stack.url, f"Bearer {world.key}")
        self.executions: list[int] = []

    def create(self, **fields: Any) -> int:
        return self.client.create(template_id=self.world.template_id, **fields)

    def launch(self, **fields: Any) -> int:
        """A new campaign to everyone; answers the execution."""
        body = {"type": "list", "id": self.world.lists[self.people]}
        execution_id = self.client.execute(self.create(**fields), body)
        self.executions.append(execution_id)
        return execution_id

    def reach(self, accepted: int, *, within: float = FINISH_SECONDS) -> None:
        """Until the receiver has accepted so many."""
        wait_until(
            lambda: self.log.count() >= accepted,
            f"{accepted} of {self.people} messages are accepted",
            within=within,
            explain=self.situation,
        )

    def finish(self, *, within: float = FINISH_SECONDS, state: str = "finished") -> None:
        """Until every execution has ended, whatever the API answers on the way."""
        for execution_id in self.executions:
            ended = wait_until(
                lambda execution_id=execution_id: self.state(execution_id) in ENDED,  # type: ignore[misc]
                f"execution {execution_id} has ended",
                within=within,
                explain=self.situation,
            )
            assert ended
            assert self.state(execution_id) == state, f"execution {execution_id} is {self.state(execution_id)}"

    def state(self, execution_id: int) -> str | None:
        """None while the API can't say."""
        answer = self.get(execution_id)
        return answer.json()["state"] if answer.status == 200 else None

    @property
    def ended(self) -> bool:
        return all(self.state(execution_id) in ENDED for execution_id in self.executions)

    def limit(self, most: int) -> None:
        """So many messages a day to each contact."""
        self.client.ok("POST", "/api/v1/frequency-caps", {"type": "email", "max": most, "window": "24h"})

    def get(self, execution_id: int) -> Answer:
        return self.client.request("GET", f"/api/v1/executions/{execution_id}")

    def control(self, word: str) -> Answer:
        return self.client.request("POST", f"/api/v1/executions/{self.executions[-1]}/{word}", {})

    def situation(self) -> str:
        """What to look at when nothing moves."""
        lines = [f"accepted {self.log.count()}, children {self.rig.children()}"]
        with contextlib.suppress(Exception):
            lines += [str(self.get(execution_id).json()) for execution_id in self.executions]
        with contextlib.suppress(Exception):
            lines += [str(row) for row in self.rig.ask(_OPEN_BATCHES, [self.executions])]
            lines += [str(row) for row in self.rig.ask(_LANES, [self.executions])]
        return "\n".join([*lines, self.rig.stack.worker.tail()])


_OPEN_BATCHES = """
    SELECT id, execution_id, state, position, marked_to, size, attempt, crashes, not_before, lease_until, lease_token,
        clock_timestamp() FROM executions_batch WHERE execution_id = ANY (%s) AND state <> 2 ORDER BY id LIMIT 20
"""
_LANES = "SELECT execution_id, slot, ticket, idle, hinted_at FROM executions_lane WHERE execution_id = ANY (%s)"


def make_campaign(rig: Rig, *, people: int, log: Path, depth: int = 1) -> Campaign:
    """A workspace with so many contacts; where its mail goes is still to be said."""
    world = make_world([people], name=f"Chaos {next(_numbers)}")
    tidy()
    connection.close()
    return Campaign(rig, world, people, Log(log), depth)


@contextlib.contextmanager
def sunk_campaign(
    rig: Rig, *, people: int, latency: int = 10, chunking: bool = False, by_way_of: Callable[[int], int] = int
) -> Iterator[Campaign]:
    """To our receiver, which answers after `latency` milliseconds and logs each message that it accepts."""
    offer = "" if chunking else "--no-chunking"
    log = rig.folder / f"accepted-{next(_numbers)}.log"
    options = [offer] if offer else []
    with sink(rig.folder, *options, "--latency", str(latency), "--log", str(log)) as (_process, port):
        campaign = make_campaign(rig, people=people, log=log, depth=DEPTHS[offer])
        campaign.world.aim_at(by_way_of(port), connections=CONNECTIONS)
        connection.close()
        yield campaign
