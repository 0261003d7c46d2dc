"""What plans and what wakes: planners that die, and beat."""

from typing import NamedTuple

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.campaign import Campaign
from tests.chaos.faults.broker import progress_after
from tests.chaos.holding import table_held
from tests.chaos.rig import Rig, end_process
from tests.chaos.scene import Scene, fault
from tests.chaos.victims import Recovery, working_child
from tests.waiting import wait_until


@fault("SIGKILL to the planner in the middle of a page, and to those that follow it")
def planner_kill(scene: Scene) -> Row:
    most, kills, worst = scene.pick(1, 3), 0, 0.0
    with scene.campaign(scene.pick(10_000, 300_000), latency=20) as campaign:
        while kills < most and (cursor := _killed(scene.rig, campaign)) is not None:
            kills += 1
            worst = max(worst, _resumed(scene.rig, campaign.executions[0], cursor))
        wait_until(lambda: campaign.state(campaign.executions[0]) != "planning", "it is planned", within=300)
        assert campaign.control("cancel").status == 200
        campaign.finish(state="cancelled", drained=True)
        row = audit(campaign, Expected(skipped=None, recovery=worst), note=f"{kills} kills, cancelled once planned")
        row.require(kills > 0, "nobody was killed")
        return row


def _killed(rig: Rig, campaign: Campaign) -> int | None:
    """How far it is planned when the planner is killed in the middle of a page; None where all was planned before."""
    with table_held(rig, "executions_batch") as held_up:
        if not campaign.executions:
            campaign.launch()
        (execution_id,) = campaign.executions

        def met() -> int:
            return held_up() or -int(_progress(rig, execution_id).planned)

        pid = wait_until(met, "a planner is in the middle of a page")
        if pid < 0:
            return None
        end_process(pid)
        return _progress(rig, execution_id).cursor


class _Progress(NamedTuple):
    """`now` is PostgreSQL's, in seconds; `cursor` how far it is planned."""

    now: float
    cursor: int
    planned: bool


def _progress(rig: Rig, execution_id: int) -> _Progress:
    ((now, cursor, planned),) = rig.ask(_PROGRESS, [execution_id])
    return _Progress(now, cursor, planned)


_PROGRESS = """
    SELECT extract(epoch FROM clock_timestamp())::float8, plan_cursor, size IS NOT NULL
    FROM executions_execution WHERE id = %s
"""


def _resumed(rig: Rig, execution_id: int, cursor: int) -> float:
    """Seconds until the plan has gone on, by PostgreSQL's clock."""
    killed_at = _progress(rig, execution_id).now

    def gone_on() -> _Progress | None:
        found = _progress(rig, execution_id)
        return found if found.cursor > cursor or found.planned else None

    found = wait_until(gone_on, "planning goes on", within=120)
    assert found is not None
    return found.now - killed_at


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
        scene.rig.await_heard(scene.rig.stack.beat)
        resumed = progress_after(campaign, "beat's return")
        campaign.finish()
        recovery.settle()
        expected = Expected(unknown_at_most=campaign.in_flight, each_at_most=2, recovery=resumed)
        return audit(campaign, expected, note="the first of two campaigns ended without beat")
