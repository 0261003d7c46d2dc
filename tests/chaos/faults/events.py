"""Events that come in, and what they trigger, while whatever takes and promotes them is killed."""

import time
from collections.abc import Sequence

from tests.chaos.audit import Expected, Row
from tests.chaos.holding import table_held
from tests.chaos.rig import PROCESSES, Rig, end_process
from tests.chaos.scene import Scene, fault
from tests.chaos.triggered import BOUGHT, LEFT, Triggered, triggered_campaign
from tests.running.posting import Poster, address_of, posting, taken_by
from tests.waiting import wait_until

PER_KILL = 150
DELAY_SECONDS = 3
PEOPLE = 120


@fault(
    "web, workers, beat, PostgreSQL and Valkey killed by turns while events come in: each accepted is sent upon once"
)
def event_kills(scene: Scene) -> Row:
    with triggered_campaign(scene.rig) as triggered:
        in_flight = triggered.campaign.in_flight
        costs = {_kill_child: in_flight, _kill_workers: PROCESSES * in_flight}
        rest = [_kill_workers, _kill_beat, _kill_valkey, _kill_child, _kill_web]
        kills = [_kill_child, _kill_web, _kill_postgres, *rest[: scene.pick(0, len(rest))]]
        scene.dice.shuffle(kills)
        posters = [Poster(triggered.client, LEFT, label=f"p{n}", at_once=5, pause=0.1) for n in range(3)]
        with posting(posters):
            for n, kill in enumerate(kills):
                _await_taken(scene.rig, posters, int(PER_KILL * (n + 1 + scene.dice.random())))
                kill(scene)
            _await_taken(scene.rig, posters, len(taken_by(posters)) + PER_KILL)
        triggered.drain()
        bound = sum(costs.get(kill, 0) for kill in kills)
        row = triggered.audit(triggered.events().keys(), Expected(unknown_at_most=bound), note=_note(posters, kills))
        gone = taken_by(posters) - triggered.events().keys()
        row.require(not gone, f"{len(gone)} events were answered with 200 and are gone")
        return row


def _note(posters: Sequence[Poster], kills: Sequence[object]) -> str:
    return f"{len(kills)} kills, {sum(poster.failed for poster in posters)} calls without an answer"


def _await_taken(rig: Rig, posters: Sequence[Poster], number: int) -> None:
    """Celery's main process ends when a child is killed while it starts: whatever has ended is started again."""

    def taken() -> bool:
        rig.supervise()
        return len(taken_by(posters)) >= number

    wait_until(taken, f"{number} events are taken", within=120, explain=rig.stack.web.tail)


def _kill_child(scene: Scene) -> None:
    end_process(scene.dice.choice(sorted(wait_until(scene.rig.children, "the worker has children"))))


def _kill_workers(scene: Scene) -> None:
    scene.rig.stack.worker.kill()
    scene.rig.stack.worker.start()


def _kill_beat(scene: Scene) -> None:
    scene.rig.stack.beat.kill()
    scene.rig.stack.beat.start()


def _kill_web(scene: Scene) -> None:
    scene.rig.stack.web.kill()
    scene.rig.stack.web.start()
    scene.rig.stack.wait_for_web()


def _kill_postgres(scene: Scene) -> None:
    scene.rig.postgres.kill()
    scene.rig.postgres.start()


def _kill_valkey(scene: Scene) -> None:
    scene.rig.valkey.kill()
    scene.rig.valkey.start()


@fault(
    "no worker and no beat between event and promotion, then SIGKILL in the middle of promoting; half are cancelled",
    short=False,
)
def trigger_kills(scene: Scene) -> Row:
    with triggered_campaign(scene.rig, delay_seconds=DELAY_SECONDS) as triggered:
        wanted: set[str] = set()
        worst = 0.0
        for n in range(2):
            scene.rig.stack.beat.kill()
            scene.rig.stack.worker.kill()
            wanted |= _half_cancelled(scene, triggered, [f"round{n}-{place}" for place in range(PEOPLE)])
            with table_held(scene.rig, "executions_recipientdata") as held_up:
                scene.rig.stack.worker.start()
                scene.rig.stack.beat.start()
                end_process(wait_until(held_up, "a worker is in the middle of promoting", within=120))
            worst = max(worst, _promoted(triggered))
        triggered.drain()
        cancelled = 2 * PEOPLE - len(wanted)
        return triggered.audit(wanted, Expected(skipped=None, recovery=worst), note=f"{cancelled} cancelled")


def _half_cancelled(scene: Scene, triggered: Triggered, ids: list[str]) -> set[str]:
    """Answers who is to be sent to. The times are told with the events: it does not matter how long telling takes."""
    ((left_at, bought_at),) = scene.rig.ask(_TIMES)
    cancelled = scene.dice.sample(ids, len(ids) // 2)
    triggered.tell(LEFT, ids, at=left_at.isoformat())
    triggered.tell(BOUGHT, cancelled, at=bought_at.isoformat())
    return {address_of(id) for id in set(ids) - set(cancelled)}


_TIMES = "SELECT clock_timestamp(), clock_timestamp() + interval '1 s'"


def _promoted(triggered: Triggered) -> float:
    """Seconds until nothing waits any more."""
    begun = time.monotonic()
    wait_until(lambda: not triggered.waiting(), "all is promoted", within=120, explain=triggered.rig.stack.worker.tail)
    return time.monotonic() - begun
