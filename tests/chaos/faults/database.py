"""PostgreSQL that dies and comes back."""

import signal

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.faults.broker import RESUME_SECONDS, progress_after, wait_out
from tests.chaos.scene import Scene, fault


def _interrupt(scene: Scene, *numbers: signal.Signals) -> Row:
    with scene.campaign(scene.crowd(1000), latency=20) as campaign:
        campaign.launch()
        worst = 0.0
        for n, number in enumerate(numbers):
            campaign.reach(int(campaign.people * 0.8 / len(numbers) * (n + scene.dice.random())))
            scene.rig.postgres.shut_down(number)
            wait_out(scene.dice.uniform(0, 5))
            scene.rig.postgres.start()
            worst = max(worst, progress_after(campaign, f"PostgreSQL's {number.name}"))
        campaign.finish()
        expected = Expected(recovery=worst, recovery_limit=RESUME_SECONDS)
        return audit(campaign, expected, note=f"{len(numbers)} times")


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
        campaign.finish()
        # Who had marked messages when the lease ended stops before it begins more: what it knows is refused.
        expected = Expected(unknown_at_most=4 * 1000, recovery=resumed, recovery_limit=RESUME_SECONDS)
        return audit(campaign, expected)
