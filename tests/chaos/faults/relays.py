"""A provider that refuses for now, refuses for good, is slow, or vanishes at the worst moment."""

import contextlib
import time
import zlib
from collections.abc import Iterator

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.campaign import Campaign, new_log
from tests.chaos.relay import Allowance, Answer, Scripted, now_and_then, scripted_relay
from tests.chaos.scene import Scene, fault
from tests.providers.receiver import Act, Reply

PEOPLE = 600
THROTTLED: dict[str, tuple[Reply, ...]] = {
    "MAIL": ("454 4.7.0 too fast, try again in 1 s", "421 4.7.0 too many messages, try again in 1 s"),
    "RCPT": ("450 4.7.1 rate exceeded, try again in 1 s", "451 4.7.1 throttled, try again in 1 s"),
    "END": ("452 4.3.1 try again in 1 s", "421 4.3.2 closing, try again in 1 s"),
}


@contextlib.contextmanager
def _campaign(scene: Scene, script: Answer, people: int = PEOPLE) -> Iterator[tuple[Campaign, Scripted]]:
    log = new_log(scene.rig)
    with scripted_relay(script, log) as relay:
        campaign = Campaign.made(scene.rig, people=people, log=log)
        campaign.aim_at(relay.port)
        yield campaign, relay


@fault("a relay that takes so many a second and answers 421, 450, 451, 452 or 454 to the rest: nobody fails for it")
def relay_throttling(scene: Scene) -> Row:
    allowance = Allowance(per_second=50)

    verb_of_a_second = scene.dice.sample(sorted(THROTTLED), k=len(THROTTLED))

    def script(verb: str, argument: str, n: int) -> Reply | None:
        """Refuses at another step of the conversation in every second."""
        if verb != verb_of_a_second[int(time.monotonic()) % len(verb_of_a_second)] or allowance.take():
            return None
        return scene.dice.choice(THROTTLED[verb])

    with _campaign(scene, script, scene.pick(150, PEOPLE)) as (campaign, _relay):
        campaign.launch()
        campaign.finish()
        row = audit(campaign, Expected(), note=f"{allowance.refusals} refused")
        row.require(allowance.refusals < campaign.people, f"{allowance.refusals} refusals: the rate does not drop")
        return row


@fault("the connection closed, or cut off by RST, between DATA's end and the reply")
def relay_no_reply(scene: Scene) -> Row:
    script = now_and_then(scene.dice, 0.05, {"END": (Act.CLOSE, Act.RESET)})
    with _campaign(scene, script, scene.pick(200, PEOPLE)) as (campaign, relay):
        campaign.launch()
        campaign.finish()
        row = audit(campaign, Expected(unknown_at_most=relay.in_doubt), note=f"{relay.in_doubt} times")
        row.require(row.counts["unknown"] == relay.in_doubt, f"in doubt are {relay.in_doubt}, no more and no fewer")
        return row


@fault("the connection closed or cut off before a message is handed over: nobody is in doubt", short=False)
def relay_hangup(scene: Scene) -> Row:
    hangups = (Act.CLOSE, Act.RESET)
    script = now_and_then(scene.dice, 0.03, {"MAIL": hangups, "RCPT": hangups, "DATA": hangups})
    with _campaign(scene, script) as (campaign, _relay):
        campaign.launch()
        campaign.finish()
        return audit(campaign, Expected())


@fault("a permanent 5xx to some: they fail with the relay's words, and their addresses are marked dead", short=False)
def relay_refusal(scene: Scene) -> Row:
    def unknown_there(address: str) -> bool:
        return zlib.crc32(f"{scene.dice_name} {address}".encode()) % 10 == 0

    def script(verb: str, argument: str, n: int) -> Reply | None:
        refused = verb == "RCPT" and unknown_there(argument.removeprefix("TO:<").partition(">")[0])
        return "550 5.1.1 No such user here" if refused else None

    with _campaign(scene, script) as (campaign, _relay):
        campaign.launch()
        campaign.finish()
        refused = {address for address in campaign.addresses() if unknown_there(address)}
        row = audit(campaign, Expected(failed=len(refused)))
        words = {text for (text,) in scene.rig.ask(_WORDS, campaign.executions)}
        dead = {address for (address,) in scene.rig.ask(_DEAD, [campaign.world.workspace_id])}
        row.require(words == {"550 5.1.1 No such user here"}, f"the ledger tells {words}")
        row.require(dead == refused, f"{len(dead)} addresses are dead, {len(refused)} were refused")
        return row


_WORDS = "SELECT DISTINCT provider_response FROM executions_delivery WHERE execution_id = %s AND outcome = 3"
_DEAD = "SELECT value FROM audiences_address WHERE workspace_id = %s AND state = 'dead'"


@fault("a relay that needs a second and a half for each message", short=False)
def relay_slow(scene: Scene) -> Row:
    with scene.campaign(60, latency=1500) as campaign:
        campaign.launch()
        campaign.finish()
        return audit(campaign, Expected())
