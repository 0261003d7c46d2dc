"""What plans and what wakes: planners that die, and beat."""

from typing import NamedTuple

import psutil

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.faults.broker import progress_after
from tests.chaos.rig import Rig, end_process
from tests.chaos.scene import Scene, fault
from tests.chaos.victims import Recovery, working_child
from tests.waiting import wait_until


@fault("SIGKILL to the planner in the middle of a big audience, and to the next ones")
def planner_kill(scene: Scene) -> Row:
    kills = scene.pick(1, 4)
    with scene.campaign(scene.pick(60_000, 300_000), latency=20) as campaign:
        campaign.launch()
        worst = 0.0
        for _ in range(kills):
            found = wait_until(lambda: _planner(scene.rig, campaign.executions[0]), "a planner is at work")
            assert found is not None
            end_process(found.pid)
            worst = max(worst, _resumed(scene.rig, campaign.executions[0], found.cursor))
        wait_until(lambda: campaign.state(campaign.executions[0]) == "running", "it is planned", within=300)
        assert campaign.control("cancel").status == 200
        campaign.finish(state="cancelled", drained=True)
        expected = Expected(skipped=None, recovery=worst)
        return audit(campaign, expected, note=f"{kills} kills, cancelled once planned")


class _Planner(NamedTuple):
    """The process that plans now, and how far it has come."""

    pid: int
    cursor: int


def _planner(rig: Rig, execution_id: int) -> _Planner | None:
    plan = rig.ask(_PLANNED, [execution_id])
    ports = {port for (port,) in rig.ask(_PLANNING)}
    for pid in rig.children():
        for one in psutil.Process(pid).net_connections("tcp"):
            if plan and one.laddr.port in ports:
                return _Planner(pid, plan[0][0])
    return None


_PLANNED = "SELECT plan_cursor FROM executions_execution WHERE id = %s AND plan_token IS NOT NULL AND size IS NULL"
_PLANNING = """
    SELECT client_port FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()
        AND (query LIKE '%%AS MATERIALIZED%%' OR query LIKE '%%plan_lease_until%%' OR query LIKE '%%plan_cursor%%')
"""


def _resumed(rig: Rig, execution_id: int, cursor: int) -> float:
    """Seconds until the plan has gone on, by PostgreSQL's clock at the kill."""
    ((killed_at,),) = rig.ask("SELECT extract(epoch FROM clock_timestamp())::float8")

    def look() -> float | None:
        ((now, reached, size),) = rig.ask(_PROGRESS, [execution_id])
        return float(now) - killed_at if reached > cursor or size is not None else None

    found = wait_until(look, "planning goes on", within=120)
    assert found is not None
    return found


_PROGRESS = """
    SELECT extract(epoch FROM clock_timestamp())::float8, plan_cursor, size FROM executions_execution WHERE id = %s
"""


@fault("beat killed: a campaign launched then completes; what a killed worker held waits for beat's return")
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
