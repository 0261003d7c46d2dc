"""Valkey that dies, forgets everything, or says nothing."""

import time

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.campaign import Campaign
from tests.chaos.scene import Scene, fault
from tests.waiting import wait_until

RESUME_SECONDS = 60.0
API_SECONDS = 10.0


def progress_after(campaign: Campaign, what: str, *, to: int | None = None) -> float:
    """Seconds from now until the receiver has accepted another message (or `to`), or nothing is left to send."""
    begun = time.monotonic()
    goal = campaign.log.count() + 1 if to is None else to
    wait_until(
        lambda: campaign.log.count() >= goal or campaign.ended,
        f"messages go out again after {what}",
        within=RESUME_SECONDS * 3,
        explain=campaign.situation,
    )
    return time.monotonic() - begun


@fault("FLUSHALL, in the middle of a campaign with a frequency cap; another one runs into the cap")
def valkey_flush(scene: Scene) -> Row:
    with scene.campaign(scene.crowd(800), latency=20) as campaign:
        campaign.limit(1)
        campaign.launch()
        worst = 0.0
        for n in range(scene.pick(1, 5)):
            campaign.reach(int(campaign.people * 0.15 * (n + scene.dice.random())))
            scene.rig.flush_valkey()
            worst = max(worst, progress_after(campaign, "FLUSHALL"))
        campaign.launch()
        campaign.finish()
        expected = Expected(skipped=campaign.people, recovery=worst, recovery_limit=RESUME_SECONDS)
        return audit(campaign, expected)


@fault("SIGKILL to Valkey, which stays away for some seconds; the API launches meanwhile")
def valkey_kill(scene: Scene) -> Row:
    with scene.campaign(scene.crowd(800), latency=20) as campaign:
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 600))
        scene.rig.valkey.kill()
        row_note = _launch_without_broker(campaign)
        time_away = scene.dice.uniform(1, scene.pick(2, 15))
        wait_out(time_away)
        scene.rig.valkey.start()
        resumed = progress_after(campaign, "Valkey's restart")
        campaign.finish()
        return audit(
            campaign,
            Expected(recovery=resumed, each_at_most=2),
            note=f"away for {time_away:.0f} s, {row_note}",
        )


@fault("Valkey shut down in peace and started again", short=False)
def valkey_restart(scene: Scene) -> Row:
    with scene.campaign(scene.crowd(800), latency=20) as campaign:
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 600))
        scene.rig.valkey.stop()
        scene.rig.valkey.start()
        resumed = progress_after(campaign, "Valkey's restart")
        campaign.finish()
        return audit(campaign, Expected(recovery=resumed))


@fault("SIGSTOP to Valkey: connections stay, nobody answers; the API launches meanwhile", short=False)
def valkey_silent(scene: Scene) -> Row:
    with scene.campaign(scene.crowd(800), latency=20) as campaign:
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 600))
        with scene.rig.valkey.silent():
            row_note = _launch_without_broker(campaign)
            wait_out(scene.dice.uniform(15, 25))
        resumed = progress_after(campaign, "Valkey's silence")
        campaign.finish()
        expected = Expected(recovery=resumed, recovery_limit=RESUME_SECONDS, each_at_most=2)
        return audit(campaign, expected, note=row_note)


def _launch_without_broker(campaign: Campaign) -> str:
    """The API answers without it: whatever is enqueued is only a hint."""
    begun = time.monotonic()
    campaign.launch()
    took = time.monotonic() - begun
    assert took < API_SECONDS, f"launching without Valkey took {took:.1f} s"
    return f"a launch meanwhile took {took:.1f} s"


def wait_out(seconds: float) -> None:
    """A fault lasts for a while; nothing is expected of this time."""
    time.sleep(seconds)
