"""Worker processes that die, and one that only seemed to."""

import signal
from collections.abc import Callable

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.campaign import Campaign
from tests.chaos.rig import PROCESSES, end_process
from tests.chaos.scene import Scene, fault
from tests.chaos.victims import Recovery, held_batches, working_child
from tests.waiting import wait_until

LEASE_SECONDS = 12
PEOPLE_PER_KILL = 120


def _kill_children(scene: Scene, campaign: Campaign, kills: int) -> Row:
    """Each after so much progress, so that no two machines need the same time for it; in time for the last, too."""
    share = campaign.people * 0.6 / kills
    campaign.limit(1)
    campaign.launch()
    with Recovery(scene.rig) as recovery:
        for n in range(kills):
            campaign.reach(int(share * (n + scene.dice.random())))
            pid, held = working_child(scene.rig, campaign.executions, scene.dice)
            if end_process(pid):
                recovery.killed(held)
        campaign.finish()
        recovery.settle()
    return audit(
        campaign,
        Expected(unknown_at_most=kills * campaign.in_flight, recovery=recovery.worst),
        note=f"{kills} kills",
    )


@fault("SIGKILL to a child with messages in flight, again and again in one campaign")
def worker_kill(scene: Scene) -> Row:
    kills = scene.pick(3, 120)
    with scene.campaign(kills * PEOPLE_PER_KILL, latency=scene.pick(40, 20)) as campaign:
        return _kill_children(scene, campaign, kills)


@fault("the same where messages go out eight at a time (CHUNKING)", short=False)
def worker_kill_chunked(scene: Scene) -> Row:
    kills = scene.pick(4, 30)
    with scene.campaign(kills * 4 * PEOPLE_PER_KILL, latency=60, chunking=True) as campaign:
        return _kill_children(scene, campaign, kills)


@fault("SIGKILL to Celery's main process; its children are orphans", short=False)
def main_kill(scene: Scene) -> Row:
    def kill() -> None:
        worker = scene.rig.stack.worker
        assert worker.popen is not None
        end_process(worker.popen.pid)
        worker.popen.wait()

    return _kill_all(scene, kill)


@fault("SIGKILL to the main process and all its children at once, and a new worker", short=False)
def machine_kill(scene: Scene) -> Row:
    return _kill_all(scene, scene.rig.stack.worker.kill)


def _kill_all(scene: Scene, kill: Callable[[], None]) -> Row:
    """Recovery is counted from when a worker is there again."""
    with scene.campaign(scene.crowd(1000), latency=20) as campaign, Recovery(scene.rig) as recovery:
        campaign.limit(1)
        campaign.launch()
        campaign.reach(scene.dice.randrange(100, 600))
        wait_until(lambda: held_batches(scene.rig, campaign.executions), "messages are in flight")
        kill()
        left = held_batches(scene.rig, campaign.executions)
        scene.rig.stack.worker.start()
        scene.rig.await_heard(scene.rig.stack.worker)
        for held in left:
            recovery.killed(held)
        campaign.finish()
        recovery.settle()
        bound = PROCESSES * campaign.in_flight
        return audit(campaign, Expected(unknown_at_most=bound, recovery=recovery.worst))


@fault("SIGSTOP to a child past its lease, then SIGCONT")
def worker_stop(scene: Scene) -> Row:
    """Paused meanwhile, so that it is not over before they wake: then whom they had not begun is still sent to."""
    stops = scene.pick(1, 3)
    with scene.campaign(scene.crowd(1000), latency=20) as campaign, Recovery(scene.rig) as recovery:
        campaign.limit(1)
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 300))
        stopped = _stop(scene, campaign, recovery, stops)
        campaign.control("pause")
        recovery.settle()
        _wake(campaign, stopped)
        campaign.control("resume")
        campaign.finish()
        return _audit_stopped(campaign, recovery, stops, failed=0)


@fault("the same, woken when the campaign is over; whom it had not begun has failed", short=False)
def worker_stop_late(scene: Scene) -> Row:
    with scene.campaign(1000, latency=20) as campaign, Recovery(scene.rig) as recovery:
        campaign.limit(1)
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 300))
        stopped = _stop(scene, campaign, recovery, 1)
        campaign.finish()
        recovery.settle()
        _wake(campaign, stopped)
        return _audit_stopped(campaign, recovery, 1, failed=None)


@fault("SIGSTOP to a child past its lease, then SIGKILL: its journal says what it knew", short=False)
def worker_stop_kill(scene: Scene) -> Row:
    stops = 2
    with scene.campaign(scene.crowd(1000), latency=20) as campaign, Recovery(scene.rig) as recovery:
        campaign.limit(1)
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 300))
        stopped = _stop(scene, campaign, recovery, stops)
        campaign.control("pause")
        recovery.settle()
        for pid in stopped:
            end_process(pid)
        campaign.await_told()
        campaign.control("resume")
        campaign.finish()
        return _audit_stopped(campaign, recovery, stops, failed=0)


def _stop(scene: Scene, campaign: Campaign, recovery: Recovery, stops: int) -> set[int]:
    stopped: set[int] = set()
    while len(stopped) < stops:
        pid, held = working_child(scene.rig, campaign.executions, scene.dice, besides=stopped)
        end_process(pid, signal.SIGSTOP)
        recovery.killed(held)
        stopped.add(pid)
    return stopped


def _wake(campaign: Campaign, stopped: set[int]) -> None:
    """Returns when they have said what they know."""
    for pid in stopped:
        end_process(pid, signal.SIGCONT)
    campaign.await_told()


def _audit_stopped(campaign: Campaign, recovery: Recovery, stops: int, *, failed: int | None) -> Row:
    return audit(
        campaign,
        Expected(
            unknown_at_most=stops * campaign.in_flight,
            failed=failed,
            recovery=recovery.worst,
            # Stopped within a transaction it holds the batch's row until PostgreSQL ends the session.
            recovery_limit=LEASE_SECONDS + 30 + 15,
        ),
        note=f"{stops} stopped",
    )
