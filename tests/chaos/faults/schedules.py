"""Launches that recur, while whoever makes their runs is killed."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.campaign import Campaign
from tests.chaos.holding import table_held
from tests.chaos.rig import PROCESSES, end_process
from tests.chaos.scene import Scene, fault
from tests.waiting import wait_until

PEOPLE = 20
SCHEDULES = 8
ROUNDS = 2


@fault("beat dead when recurring runs are due, SIGKILL in the middle of making one: each is made once", short=False)
def schedule_kills(scene: Scene) -> Row:
    with scene.campaign(PEOPLE, latency=5) as campaign:
        schedules: list[int] = []
        worst = 0.0
        for _ in range(ROUNDS):
            scene.rig.stack.beat.kill()
            due = [_recurring(campaign) for _ in range(SCHEDULES)]
            schedules += due
            scene.rig.ask(_DUE, [due])
            with table_held(scene.rig, "workspaces_auditentry") as held_up:
                scene.rig.stack.beat.start()
                end_process(wait_until(held_up, "a worker is in the middle of making a run", within=120))
            worst = max(worst, _all_made(campaign, schedules, at_least=len(schedules) - SCHEDULES + 1))
            scene.rig.stack.worker.kill()
            scene.rig.stack.worker.start()
            _all_made(campaign, schedules, at_least=len(schedules))
        for schedule in schedules:
            campaign.client.ok("POST", f"/api/v1/schedules/{schedule}/cancel", {})
        made = Counter(schedule for schedule, _execution in _runs(campaign))
        campaign.executions = [execution for _schedule, execution in _runs(campaign)]
        campaign.finish()
        bound = ROUNDS * PROCESSES * campaign.in_flight
        expected = Expected(unknown_at_most=bound, each_at_most=len(schedules), recovery=worst)
        row = audit(campaign, expected, note=f"{len(schedules)} runs")
        row.require(made == dict.fromkeys(schedules, 1), f"runs by schedule: {dict(made)}")
        return row


def _recurring(campaign: Campaign) -> int:
    """Every hour, from in half an hour on; its id."""
    at = f"{datetime.now(UTC) + timedelta(minutes=30):%Y-%m-%dT%H:%M}"
    body = {
        "audience": {"type": "list", "id": campaign.world.lists[campaign.people]},
        "schedule": {"rrule": "FREQ=HOURLY", "at": at, "timezone": "UTC"},
    }
    answer = campaign.client.ok("POST", f"/api/v1/campaigns/{campaign.create()}/execute", body)
    return int(answer["schedule_id"])


# As if they had begun an hour before: half an hour ago a run was due.
_DUE = """
    UPDATE executions_schedule SET starts = starts - interval '1 hour',
        next_run = next_run - interval '1 hour', next_run_at = next_run_at - interval '1 hour'
    WHERE id = ANY (%s)
"""


def _runs(campaign: Campaign) -> list[tuple[int, int]]:
    """Schedule and execution."""
    return [(schedule, execution) for schedule, execution in campaign.rig.ask(_RUNS, [campaign.world.workspace_id])]


_RUNS = """
    SELECT schedule_id, id FROM executions_execution WHERE workspace_id = %s AND schedule_id IS NOT NULL ORDER BY id
"""


def _all_made(campaign: Campaign, schedules: list[int], *, at_least: int) -> float:
    """Seconds until so many runs are there."""
    begun = time.monotonic()
    wait_until(
        lambda: len(_runs(campaign)) >= at_least,
        f"{at_least} runs of {len(schedules)} schedules are made",
        within=120,
        explain=campaign.situation,
    )
    return time.monotonic() - begun
