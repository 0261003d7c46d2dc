"""A campaign that events trigger, and its books: who was taken is sent upon once."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator

from django.db import connection

from benchmarks.processes import sink
from benchmarks.world import make_template
from tests.chaos.audit import Expected, Row, audit_shared
from tests.chaos.campaign import DEPTHS, Campaign, new_log
from tests.chaos.rig import Rig
from tests.running.posting import event_of
from tests.waiting import wait_until

LEFT, BOUGHT = "cart_left", "cart_bought"
BODY = '<p>{{ event.sku }}</p><a href="{{ unsubscribe_url }}">No more</a>'
DRAINED_SECONDS = 240.0


class Triggered:
    """`campaign` has nobody but those whose events come in."""

    def __init__(self, campaign: Campaign, campaign_id: int) -> None:
        self.campaign = campaign
        self.id = campaign_id
        self.rig = campaign.rig
        self.client = campaign.client

    def tell(self, name: str, ids: Collection[str], **fields: object) -> None:
        """In one call, which is accepted."""
        events = [event_of(name, id, message_id=f"{name} {id}", **fields) for id in ids]
        report = self.client.ok("POST", "/api/v1/events", {"events": events})
        assert report["accepted"] == len(ids), report

    def waiting(self) -> int:
        """How many events are still to be promoted."""
        ((number,),) = self.rig.ask(_WAITING, [self.id])
        return int(number)

    def drain(self) -> None:
        """Until everybody who triggered it has a row."""

        def drained() -> bool:
            self.rig.supervise()
            return not self.waiting() and not self.rig.ask(_OPEN, [self.id])

        wait_until(
            drained,
            "everybody who triggered it has been sent to",
            within=DRAINED_SECONDS,
            explain=self.campaign.situation,
        )
        self.campaign.executions = [id for (id,) in self.rig.ask(_EXECUTIONS, [self.id])]

    def events(self) -> Counter[str]:
        """Address to how many events are kept that trigger."""
        rows = self.rig.ask(_EVENTS, [self.campaign.world.workspace_id, LEFT])
        return Counter(address for (address,) in rows)

    def audit(self, wanted: Collection[str], expected: Expected, *, note: str = "") -> Row:
        """`wanted` are to be sent to once, and nobody else; of each one event is kept."""
        row = audit_shared(self.campaign, wanted, expected, note=note)
        kept = self.events()
        missing = [address for address in wanted if not kept[address]]
        row.require(not missing, f"{len(missing)} events are gone: {missing[:3]}")
        row.require(set(kept.values()) <= {1}, f"{sum(n > 1 for n in kept.values())} events are kept twice")
        return row


_WAITING = """
    SELECT count(*) FROM audiences_triggerhit h JOIN executions_triggeractivation a ON a.id = h.activation_id
    WHERE a.campaign_id = %s
"""
_EXECUTIONS = "SELECT id FROM executions_execution WHERE campaign_id = %s ORDER BY id"
_OPEN = """
    SELECT b.id FROM executions_batch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE e.campaign_id = %s AND (b.state <> 2
        OR EXISTS (SELECT FROM executions_silentclaim s WHERE s.batch_id = b.id))
"""
_EVENTS = """
    SELECT a.value FROM audiences_event e JOIN audiences_address a ON a.contact_id = e.contact_id
    WHERE e.workspace_id = %s AND e.name = %s
"""


@contextlib.contextmanager
def triggered_campaign(rig: Rig, *, latency: int = 10, delay_seconds: int = 0) -> Iterator[Triggered]:
    """Active: `LEFT` triggers it, and `BOUGHT` within the delay cancels that."""
    log = new_log(rig)
    with sink(rig.folder, "--no-chunking", "--latency", str(latency), "--log", str(log)) as (_process, port):
        campaign = Campaign.made(rig, people=1, log=log, depth=DEPTHS["--no-chunking"])
        campaign.aim_at(port)
        template_id = make_template(campaign.world.workspace_id, "You left {{ event.sku }}", BODY)
        connection.close()
        trigger = {"event": LEFT, "delay_seconds": delay_seconds, "cancel_on": {"event": BOUGHT}}
        fields = {"type": "email", "name": "Left in the cart", "template_id": template_id, "trigger": trigger}
        made = campaign.client.ok("POST", "/api/v1/campaigns", fields)
        campaign.client.ok("POST", f"/api/v1/campaigns/{made['campaign_id']}/activate", {})
        yield Triggered(campaign, made["campaign_id"])
