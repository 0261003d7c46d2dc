"""A provider over HTTP that asks for less, or hangs up before it answers."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.background import Background
from tests.chaos.campaign import Campaign, new_log
from tests.chaos.relay import Allowance
from tests.chaos.scene import Scene, fault
from tests.providers.http_service import Act, Reply, Request, Script, Service, reply

PEOPLE = 600
ASKS_FOR_LESS = (429, 503)


@contextlib.contextmanager
def _campaign(scene: Scene, script: Script, people: int) -> Iterator[Campaign]:
    """A message a request; whoever the script has no other answer for is logged before the answer."""
    log = new_log(scene.rig)
    service = Service(_logged(script, log))
    with Background() as background:
        listening = service.listening()
        background.call(listening.__aenter__())
        try:
            campaign = Campaign.made(scene.rig, people=people, log=log)
            campaign.world.aim_at_http(service.port, kind="http")
            connection.close()
            yield campaign
        finally:
            background.call(listening.__aexit__(None, None, None))


def _logged(script: Script, log: Path) -> Script:
    def answer(request: Request, n: int) -> Reply | None:
        said = script(request, n)
        if said is None or isinstance(said, Act):
            with log.open("a") as file:
                file.write(f"{request.json['to']}\n")
        return said

    return answer


@fault("an HTTP service that takes so many a second and answers 429 or 503 to the rest: nobody fails for it")
def http_throttling(scene: Scene) -> Row:
    allowance = Allowance(per_second=50)

    def script(request: Request, n: int) -> Reply | None:
        """By the second, so that most of the seconds' first requests are taken."""
        if allowance.take():
            return None
        return reply(ASKS_FOR_LESS[int(time.monotonic()) % 2], Retry_After="1")

    with _campaign(scene, script, scene.pick(150, PEOPLE)) as campaign:
        campaign.launch()
        campaign.finish()
        row = audit(campaign, Expected(), note=f"{allowance.refusals} refused")
        row.require(0 < allowance.refusals < campaign.people, f"{allowance.refusals} refusals: the rate does not drop")
        return row


@fault("an HTTP service that takes a message and closes or cuts the connection before it answers", short=False)
def http_no_reply(scene: Scene) -> Row:
    unanswered: list[Act] = []

    def script(request: Request, n: int) -> Reply | None:
        if scene.dice.random() >= 0.05:
            return None
        unanswered.append(scene.dice.choice((Act.CLOSE, Act.RESET)))
        return unanswered[-1]

    with _campaign(scene, script, PEOPLE) as campaign:
        campaign.launch()
        campaign.finish()
        return audit(campaign, Expected(unknown_at_most=len(unanswered)), note=f"{len(unanswered)} times")
