"""PostgreSQL that dies and comes back."""

import signal

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.faults.broker import RESUME_SECONDS, progress_after, wait_out
from tests.chaos.rig import PROCESSES
from tests.chaos.scene import Scene, fault


def _interrupt(scene: Scene, *numbers: signal.Signals) -> Row:
    with scene.campaign(scene.crowd(1000), latency=20) as campaign:
        campaign.limit(1)
        campaign.launch()
        worst = 0.0
        for n, number in enumerate(numbers):
            campaign.reach(int(campaign.people * 0.8 / len(numbers) * (n + scene.dice.random())))
            scene.rig.postgres.shut_down(number)
            wait_out(scene.dice.uniform(0, 5))
            scene.rig.postgres.start()
            worst = max(worst, progress_after(campaign, f"PostgreSQL's {number.name}"))
        campaign.finish()
        return audit(campaign, Expected(recovery=worst), note=f"{len(numbers)} times")


@fault("SIGKILL to PostgreSQL's main process, and crash recovery")
def postgres_kill(scene: Scene) -> Row:
    return _interrupt(scene, *[signal.SIGKILL] * scene.pick(1, 4))


@fault("immediate shutdown (SIGQUIT) and restart", short=False)
def postgres_immediate(scene: Scene) -> Row:
    return _interrupt(scene, *[signal.SIGQUIT] * 3)


@fault("fast shutdown (SIGINT) and restart, as an upgrade does", short=False)
def postgres_restart(scene: Scene) -> Row:
    return _interrupt(scene, *[signal.SIGINT] * 3)


@fault("SIGSTOP to the whole of PostgreSQL past the leases, then SIGCONT", short=False)
def postgres_silent(scene: Scene) -> Row:
    with scene.campaign(scene.crowd(1000), latency=20) as campaign:
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 600))
        with scene.rig.postgres.silent():
            wait_out(scene.dice.uniform(14, 18))
        resumed = progress_after(campaign, "PostgreSQL's silence")
        campaign.hear_out()
        campaign.finish()
        # No process was killed; one whose lease ended in the silence may have given up what was in flight.
        expected = Expected(
            unknown_at_most=PROCESSES * campaign.in_flight, recovery=resumed, recovery_limit=RESUME_SECONDS
        )
        return audit(campaign, expected)
