"""What plans and what wakes: planners that die, and beat."""

import contextlib
from collections.abc import Iterator

import psutil
import psycopg

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.faults.broker import progress_after
from tests.chaos.rig import Rig, end_process
from tests.chaos.scene import Scene, fault
from tests.chaos.victims import Recovery, working_child
from tests.waiting import wait_until


@fault("SIGKILL to the planner in the middle of a page, and to those that follow it")
def planner_kill(scene: Scene) -> Row:
    kills = scene.pick(1, 3)
    with scene.campaign(scene.pick(10_000, 300_000), latency=20) as campaign:
        worst, cursor = 0.0, 0
        for n in range(kills):
            with _page_held_up(scene.rig):
                if n == 0:
                    campaign.launch()
                end_process(wait_until(lambda: _held_up(scene.rig), "a planner is in the middle of a page"))
            took, cursor = _resumed(scene.rig, campaign.executions[0], cursor)
            worst = max(worst, took)
        wait_until(lambda: campaign.state(campaign.executions[0]) != "planning", "it is planned", within=300)
        assert campaign.control("cancel").status == 200
        campaign.finish(state="cancelled", drained=True)
        expected = Expected(skipped=None, recovery=worst)
        return audit(campaign, expected, note=f"{kills} kills, cancelled once planned")


@contextlib.contextmanager
def _page_held_up(rig: Rig) -> Iterator[None]:
    """Whoever writes batches waits until we leave: so a planner is met in the middle of its page, not by luck."""
    with psycopg.connect(rig.postgres.url) as connection, connection.transaction():
        connection.execute("LOCK TABLE executions_batch IN SHARE MODE")
        yield


def _held_up(rig: Rig) -> int:
    """The process of the planner that waits; 0 while none does."""
    ports = {port for (port,) in rig.ask(_WAITING)}
    for pid in rig.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(one.laddr.port in ports for one in psutil.Process(pid).net_connections("tcp")):
                return pid
    return 0


# The sweep, which merges batches, waits too: it holds a lock of its own.
_WAITING = """
    SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = 'executions_batch'::regclass AND NOT l.granted
        AND NOT EXISTS (SELECT FROM pg_locks s WHERE s.pid = l.pid AND s.locktype = 'advisory' AND s.granted
            AND s.objid::bigint = hashtext('volley.sweep')::bigint & 4294967295)
"""


def _resumed(rig: Rig, execution_id: int, cursor: int) -> tuple[float, int]:
    """Seconds until the plan has gone on, by PostgreSQL's clock, and how far it has come."""
    ((killed_at,),) = rig.ask("SELECT extract(epoch FROM clock_timestamp())::float8")

    def look() -> tuple[float, int] | None:
        ((now, reached, size),) = rig.ask(_PROGRESS, [execution_id])
        return (float(now) - killed_at, int(reached)) if reached > cursor or size is not None else None

    found = wait_until(look, "planning goes on", within=120)
    assert found is not None
    return found


_PROGRESS = """
    SELECT extract(epoch FROM clock_timestamp())::float8, plan_cursor, size FROM executions_execution WHERE id = %s
"""


@fault(
    "beat killed: a campaign launched then completes; what a killed worker held waits for beat's return", short=False
)
def beat_kill(scene: Scene) -> Row:
    with scene.campaign(1500, latency=20) as campaign, Recovery(scene.rig) as recovery:
        scene.rig.stack.beat.kill()
        campaign.launch()
        campaign.finish(within=120)
        campaign.launch()
        campaign.reach(campaign.people + scene.dice.randrange(50, 500))
        pid, _held = working_child(scene.rig, campaign.executions, scene.dice)
        end_process(pid)
        wait_until(lambda: pid not in scene.rig.children(), "the child is gone")
        scene.rig.stack.beat.start()
        resumed = progress_after(campaign, "beat's return")
        campaign.finish()
        recovery.settle()
        expected = Expected(unknown_at_most=campaign.in_flight, each_at_most=2, recovery=resumed, recovery_limit=60.0)
        return audit(campaign, expected, note="the first of two campaigns ended without beat")
