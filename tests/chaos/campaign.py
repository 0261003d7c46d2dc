"""One campaign to an audience of its own, and the receiver that its mail goes to."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
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
TOLD_SECONDS = 120.0
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
        self.cap: int | None = None
        self.port = 0

    def aim_at(self, port: int, **settings: Any) -> None:
        """Where its mail goes; `settings` are those of an SMTP provider."""
        self.port = port
        self.world.aim_at(port, connections=CONNECTIONS, **settings)
        connection.close()

    @classmethod
    def made(cls, rig: Rig, *, people: int, log: Path, depth: int = 1) -> "Campaign":
        """A workspace with so many contacts; where its mail goes is still to be said."""
        world = make_world([people], name=f"Chaos {next(_numbers)}")
        tidy()
        connection.close()
        return cls(rig, world, people, Log(log), depth)

    def create(self, **fields: Any) -> int:
        return self.client.create(template_id=self.world.template_id, **fields)

    def launch(self, **fields: Any) -> int:
        """A new campaign to everyone; answers the execution."""
        return self.execute(self.create(**fields))

    def execute(self, campaign_id: int) -> int:
        execution_id = self.client.execute(campaign_id, {"type": "list", "id": self.world.lists[self.people]})
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

    def finish(self, *, within: float = FINISH_SECONDS, state: str = "finished", drained: bool = False) -> None:
        """Until every execution has ended, whatever the API answers on the way; `drained`: and nobody is pending."""
        wait_until(
            lambda: self.ended and not (drained and self._pending()),
            f"executions {self.executions} have ended",
            within=within,
            explain=self.situation,
        )
        found = {self.state(execution_id) for execution_id in self.executions}
        assert found == {state}, f"the executions are {found}"

    def _pending(self) -> int:
        return sum(self.get(execution_id).json()["counts"]["pending"] for execution_id in self.executions)

    def hear_out(self) -> None:
        """Paused until no batch is held and whoever was given up has said what it knows; then it goes on.

        So the campaign is not over before they have, and whom they had not begun is still sent to.
        """
        self.control("pause")
        self.await_told()
        self.control("resume")

    def await_told(self) -> None:
        wait_until(
            lambda: not self.rig.ask(_UNTOLD, [self.executions]),
            "every worker that was given up has said what it knows, or left its journal",
            within=TOLD_SECONDS,
            explain=self.situation,
        )

    def reasons(self) -> set[str]:
        """Why people were skipped, whichever execution it was."""
        found = self.rig.ask(
            "SELECT DISTINCT reason FROM executions_delivery WHERE execution_id = ANY (%s) AND outcome = 2",
            [self.executions],
        )
        return {reason for (reason,) in found}

    def addresses(self) -> set[str]:
        """Everybody's."""
        found = self.rig.ask("SELECT value FROM audiences_address WHERE workspace_id = %s", [self.world.workspace_id])
        return {value for (value,) in found}

    def state(self, execution_id: int) -> str | None:
        """None while the API can't say."""
        answer = self.get(execution_id)
        return answer.json()["state"] if answer.status == 200 else None

    @property
    def ended(self) -> bool:
        return all(self.state(execution_id) in ENDED for execution_id in self.executions)

    def limit(self, most: int) -> None:
        """So many messages a day to each contact: whoever is sent to more often breaks a rule, too."""
        self.cap = most
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
_UNTOLD = """
    SELECT b.id FROM executions_batch b WHERE b.execution_id = ANY (%s) AND (b.lease_token IS NOT NULL
        OR EXISTS (SELECT FROM executions_silentclaim s WHERE s.batch_id = b.id))
"""
_LANES = "SELECT execution_id, slot, ticket, idle, hinted_at FROM executions_lane WHERE execution_id = ANY (%s)"


def new_log(rig: Rig) -> Path:
    return rig.folder / f"accepted-{next(_numbers)}.log"


@contextlib.contextmanager
def sunk_campaign(rig: Rig, *, people: int, latency: int = 10, chunking: bool = False) -> Iterator[Campaign]:
    """To our receiver, which answers after `latency` milliseconds and logs each message that it accepts."""
    offer = "" if chunking else "--no-chunking"
    log = new_log(rig)
    options = [offer] if offer else []
    with sink(rig.folder, *options, "--latency", str(latency), "--log", str(log)) as (_process, port):
        campaign = Campaign.made(rig, people=people, log=log, depth=DEPTHS[offer])
        campaign.aim_at(port)
        yield campaign
