"""People and programs that step in: pause, resume, cancel, execute many times at once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.scene import Scene, fault
from tests.running.client import Answer

CALLERS = 50


@fault("pause and resume, twenty times under load")
def pause_resume(scene: Scene) -> Row:
    times = 20
    with scene.campaign(scene.pick(1000, 4000), latency=20) as campaign:
        campaign.launch()
        for n in range(times):
            campaign.reach(int(campaign.people * 0.5 / times * (n + scene.dice.random())))
            for word in ("pause", "resume"):
                answer = campaign.control(word)
                assert answer.status == 200, f"{word}: {answer.status} {answer.body!r}"
        campaign.finish()
        return audit(campaign, Expected(), note=f"{times} times")


@fault("cancel in the middle: whoever is not sent to is skipped")
def cancel(scene: Scene) -> Row:
    with scene.campaign(scene.pick(1500, 3000), latency=20) as campaign:
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 500))
        assert campaign.control("cancel").status == 200
        campaign.finish(state="cancelled", drained=True)
        row = audit(campaign, Expected(skipped=None))
        row.require(row.counts["skipped"] > 0, "nobody was left to cancel")
        row.require(campaign.reasons() <= {"cancelled"}, f"skipped for {campaign.reasons()}")
        return row


@fault("fifty equal executes at once with one Idempotency-Key: one execution")
def idempotent_executes(scene: Scene) -> Row:
    with scene.campaign(300, latency=5) as campaign:
        path = f"/api/v1/campaigns/{campaign.create()}/execute"
        body = {"audience": {"type": "list", "id": campaign.world.lists[campaign.people]}}
        key = str(UUID(int=scene.dice.getrandbits(128)))

        def call(_n: int) -> Answer:
            return campaign.client.request("POST", path, body, **{"Idempotency-Key": key})

        with ThreadPoolExecutor(CALLERS) as callers:
            answers = list(callers.map(call, range(CALLERS)))
        statuses = {answer.status for answer in answers}
        made = {answer.json()["execution_id"] for answer in answers if answer.status == 200}
        campaign.executions += made
        campaign.finish()
        row = audit(campaign, Expected(), note=f"{sum(a.status == 200 for a in answers)} of {CALLERS} answered 200")
        count = scene.rig.ask(
            "SELECT count(*) FROM executions_execution WHERE workspace_id = %s", [campaign.world.workspace_id]
        )
        row.require(statuses <= {200, 409}, f"statuses {statuses}")
        row.require(len(made) == 1 and count == [(1,)], f"executions {made}, in the database {count}")
        return row


@fault("two executions that race for one frequency cap")
def cap_race(scene: Scene) -> Row:
    with scene.campaign(scene.pick(800, 5000), latency=10) as campaign:
        campaign.limit(1)
        first, second = campaign.create(), campaign.create()
        with ThreadPoolExecutor(2) as callers:
            list(callers.map(campaign.execute, (first, second)))
        campaign.finish()
        row = audit(campaign, Expected(skipped=campaign.people))
        row.require(campaign.reasons() == {"frequency_cap"}, f"skipped for {campaign.reasons()}")
        return row
