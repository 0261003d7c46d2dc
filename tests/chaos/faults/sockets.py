"""Sockets whose other end is gone without a word, and networks that misbehave: to each of the three services."""

import contextlib
from collections.abc import Iterator

from tests.chaos.audit import Expected, Row, audit
from tests.chaos.campaign import CONNECTIONS, Campaign
from tests.chaos.faults.broker import RESUME_SECONDS, progress_after, wait_out
from tests.chaos.proxy import Mode, Proxy
from tests.chaos.rig import PROCESSES
from tests.chaos.scene import Scene, fault
from tests.chaos.services import Server

PEOPLE = 1200
ANSWER_SECONDS = 5


def _half_open(scene: Scene, service: Server, variable: str, *, doubts: bool) -> Row:
    with scene.campaign(scene.crowd(PEOPLE), latency=20) as campaign, scene.rig.proxied(service, variable) as proxy:
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 500))
        lost = proxy.lose_peers()
        resumed = _steady(campaign)
        campaign.hear_out()
        campaign.finish()
        # No process was killed; one whose lease ended may have given up what was in flight.
        bound = min(lost, PROCESSES) * campaign.in_flight if doubts else 0
        expected = Expected(unknown_at_most=bound, recovery=resumed, recovery_limit=RESUME_SECONDS)
        return audit(campaign, expected, note=f"{lost} connections lost")


def _steady(campaign: Campaign) -> float:
    """Seconds until messages go out that nobody had in flight when the fault began."""
    in_flight = PROCESSES * 1000
    goal = min(campaign.people, campaign.log.count() + in_flight)
    return progress_after(campaign, "the loss of its connections", to=goal)


@fault("half-open sockets to PostgreSQL: the host is gone, nothing is acknowledged", short=False)
def postgres_half_open(scene: Scene) -> Row:
    return _half_open(scene, scene.rig.postgres, "DATABASE_URL", doubts=True)


@fault("half-open sockets to Valkey", short=False)
def valkey_half_open(scene: Scene) -> Row:
    return _half_open(scene, scene.rig.valkey, "REDIS_URL", doubts=False)


@fault("every connection to PostgreSQL cut off by RST, five times", short=False)
def postgres_reset(scene: Scene) -> Row:
    return _reset(scene, scene.rig.postgres, "DATABASE_URL")


@fault("every connection to Valkey cut off by RST, five times", short=False)
def valkey_reset(scene: Scene) -> Row:
    return _reset(scene, scene.rig.valkey, "REDIS_URL")


def _reset(scene: Scene, service: Server, variable: str) -> Row:
    with scene.campaign(scene.crowd(PEOPLE), latency=20) as campaign, scene.rig.proxied(service, variable) as proxy:
        campaign.launch()
        worst = 0.0
        for n in range(5):
            campaign.reach(int(campaign.people * 0.15 * (n + scene.dice.random())))
            proxy.set(Mode.REFUSE)
            wait_out(scene.dice.uniform(0, 2))
            proxy.set(Mode.PASS)
            worst = max(worst, progress_after(campaign, "RST"))
        campaign.finish()
        return audit(campaign, Expected(recovery=worst, recovery_limit=RESUME_SECONDS))


@fault("a connection to PostgreSQL closed in the middle of what it says, again and again", short=False)
def postgres_cut(scene: Scene) -> Row:
    with (
        scene.campaign(scene.crowd(PEOPLE), latency=20) as campaign,
        scene.rig.proxied(scene.rig.postgres, "DATABASE_URL") as proxy,
    ):
        campaign.launch()
        for n in range(10):
            campaign.reach(int(campaign.people * 0.08 * (n + scene.dice.random())))
            proxy.close_after(scene.dice.randrange(1, 60_000))
            wait_out(scene.dice.uniform(0, 1))
            proxy.heal()
        campaign.finish()
        return audit(campaign, Expected())


@contextlib.contextmanager
def _relay_by_way_of_proxy(scene: Scene, people: int) -> Iterator[tuple[Campaign, Proxy]]:
    with scene.campaign(people, latency=20) as campaign, Proxy.to(f"smtp://127.0.0.1:{campaign.port}") as proxy:
        settings = {"answer_timeout": ANSWER_SECONDS, "connect_timeout": ANSWER_SECONDS}
        campaign.aim_at(proxy.port, **settings)
        yield campaign, proxy
        proxy.heal()


@fault("half-open sockets to the relay: what was handed over is in doubt", short=False)
def relay_half_open(scene: Scene) -> Row:
    times = scene.pick(1, 4)
    with _relay_by_way_of_proxy(scene, scene.crowd(PEOPLE)) as (campaign, proxy):
        campaign.launch()
        lost = 0
        worst = 0.0
        for n in range(times):
            campaign.reach(int(campaign.people * 0.6 / times * (n + scene.dice.random())))
            lost += proxy.lose_peers()
            worst = max(worst, progress_after(campaign, "the loss of the relay"))
        campaign.finish()
        expected = Expected(unknown_at_most=lost, recovery=worst, recovery_limit=RESUME_SECONDS)
        return audit(campaign, expected, note=f"{lost} connections lost")


@fault("every connection to the relay cut off by RST, and new ones refused for a while", short=False)
def relay_reset(scene: Scene) -> Row:
    times = scene.pick(2, 6)
    with _relay_by_way_of_proxy(scene, scene.crowd(PEOPLE)) as (campaign, proxy):
        campaign.launch()
        worst = 0.0
        for n in range(times):
            campaign.reach(int(campaign.people * 0.8 / times * (n + scene.dice.random())))
            proxy.set(Mode.REFUSE)
            wait_out(scene.dice.uniform(0, 1))
            proxy.set(Mode.PASS)
            worst = max(worst, progress_after(campaign, "the relay's RST"))
        campaign.finish()
        bound = times * PROCESSES * CONNECTIONS
        return audit(campaign, Expected(unknown_at_most=bound, recovery=worst, recovery_limit=RESUME_SECONDS * 2))


@fault("a network to the relay that stands still for a while, and delays every piece after that", short=False)
def relay_stall(scene: Scene) -> Row:
    with _relay_by_way_of_proxy(scene, 800) as (campaign, proxy):
        campaign.launch()
        campaign.reach(scene.dice.randrange(50, 300))
        proxy.set(Mode.STALL)
        wait_out(ANSWER_SECONDS + 2)
        opened = proxy.opened
        proxy.set(Mode.PASS)
        proxy.delay = 0.05
        campaign.finish()
        # One in flight on each connection that stood still, those that were opened meanwhile too.
        return audit(campaign, Expected(unknown_at_most=opened))
