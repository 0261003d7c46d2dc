"""Workers whose clock is wrong, or jumps: time is PostgreSQL's."""

import os
from pathlib import Path

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.rig import PROCESSES
from tests.chaos.scene import Omitted, Scene, fault

HOURS = (-30, -3, 5, 40)
_PLACES = ("usr/lib/*/faketime/libfaketime.so.1", "usr/lib/faketime/libfaketime.so.1")


def _library() -> Path:
    """Raises Omitted where libfaketime is not installed; CI must have it."""
    found = next((path for place in _PLACES for path in Path("/").glob(place)), None)
    if found is None:
        raise Omitted("libfaketime is not installed (apt-get install faketime)", fatal=bool(os.environ.get("CI")))
    return found


def _shifted(scene: Scene, *, monotonic: bool, jumps: int) -> Row:
    clock = scene.rig.folder / "clock"
    clock.write_text(f"{scene.dice.choice(HOURS):+d}h\n")
    scene.rig.restart_workers(
        LD_PRELOAD=str(_library()),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="0" if monotonic else "1",
    )
    with scene.campaign(scene.pick(300, 2500), latency=20) as campaign:
        campaign.limit(1)
        campaign.launch()
        for n in range(jumps):
            campaign.reach(int(campaign.people * 0.8 / jumps * (n + scene.dice.random())))
            clock.write_text(f"{scene.dice.choice(HOURS) * 3600 + scene.dice.randrange(3600):+d}\n")
        campaign.hear_out()
        campaign.finish()
        campaign.launch()
        campaign.finish()
        # No process was killed; one whose monotonic clock jumped may have given up what was in flight.
        hurt = min(jumps, PROCESSES) * campaign.in_flight if monotonic else 0
        return audit(campaign, Expected(unknown_at_most=hurt, skipped=campaign.people), note=f"{jumps} jumps")


@fault("the workers' clock hours off, and jumping by hours; a second campaign runs into a cap")
def clock_jumps(scene: Scene) -> Row:
    return _shifted(scene, monotonic=False, jumps=scene.pick(2, 8))


@fault("the same where the monotonic clock jumps too, as it never should", short=False)
def clock_jumps_monotonic(scene: Scene) -> Row:
    return _shifted(scene, monotonic=True, jumps=4)
