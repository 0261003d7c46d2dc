"""How often a contact has its message: every time, once, or once in a window; and never more than twenty an hour.

A campaign of business events has a bound of its own, as each of them is meant for many.

Read, decided and written under the lock of the campaign's promoting (`executions.triggering.promoting`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from audiences.events.trigger_models import PerContact
from executions.models import Became
from executions.triggering.claiming import Claimed

# Nobody wants more messages of one campaign within an hour: a loop, in which a message brings about the event that
# it is sent upon, ends here.
MOST_AN_HOUR = 20
BUSINESS = 0


@dataclass(frozen=True, slots=True)
class Use:
    """A row of `TriggerUse`."""

    hour: datetime
    count: int
    last_at: datetime
    activation_id: int | None = None
    counted_at: datetime | None = None

    def counts_at(self, *, unspent: bool) -> Sequence[datetime]:
        """When the contact was promoted and it counts."""
        moments = (self.counted_at, None if unspent else self.last_at)
        return [one for one in moments if one is not None]


@dataclass(slots=True)
class Decided:
    """`occurrences`: who is promoted, by the how-manieth of the contact's in this hour it is; `became`: the others."""

    occurrences: dict[int, list[Claimed]] = field(default_factory=dict)
    uses: dict[int, Use] = field(default_factory=dict)
    became: dict[Became, list[Claimed]] = field(default_factory=dict)


def decide(
    hits: Iterable[Claimed],
    uses: Mapping[int, Use],
    definition: Mapping[str, Any],
    *,
    hour: datetime,
    now: datetime,
    activation_id: int,
    unspent: Collection[int] = (),
) -> Decided:
    """Pure. `hits` in the order in which they count; `unspent`: whose last use was for nothing."""
    made = Decided()
    for hit in hits:
        contact = hit.contact_id or BUSINESS
        use = made.uses.get(contact) or uses.get(contact)
        count = use.count if use is not None and use.hour == hour else 0
        counted = use.counts_at(unspent=contact in unspent and contact not in made.uses) if use is not None else ()
        if any(_holds(at, definition, now) for at in counted):
            made.became.setdefault(Became.AGAIN, []).append(hit)
        elif count >= (MOST_AN_HOUR if contact else settings.BUSINESS_EVENTS_PER_HOUR):
            made.became.setdefault(Became.TOO_OFTEN, []).append(hit)
        else:
            made.uses[contact] = Use(hour, count + 1, now, activation_id, max(counted, default=None))
            made.occurrences.setdefault(count + 1, []).append(hit)
    return made


def _holds(at: datetime, definition: Mapping[str, Any], now: datetime) -> bool:
    """The window begins when the contact was promoted, so that events which waited don't come as a heap."""
    match definition["per_contact"]:
        case PerContact.ONCE:
            return True
        case PerContact.WINDOW:
            return now < at + timedelta(seconds=definition["window_seconds"])
    return False


def read_uses(campaign_id: int, contacts: Iterable[int]) -> dict[int, Use]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [campaign_id, sorted(set(contacts))])
        return {contact: Use(*use) for contact, *use in cursor.fetchall()}


def read_unspent(uses: Mapping[int, Use], definition: Mapping[str, Any], *, now: datetime) -> set[int]:
    """Whose last use was for nothing: skipped, failed or cancelled, and nothing of it is due any more.

    Asked only where it is what keeps the contact from a message. What was sent, or may have been, counts, in a retry
    too; and so does what can't be told any more.
    """
    asked = [
        (contact, use.activation_id, use.hour, use.count)
        for contact, use in uses.items()
        if contact != BUSINESS and use.activation_id is not None and _holds(use.last_at, definition, now)
    ]
    if not asked:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_UNSPENT, [list(column) for column in zip(*asked, strict=True)])
        return {row[0] for row in cursor.fetchall()}


def write_uses(campaign_id: int, uses: Mapping[int, Use]) -> None:
    if not uses:
        return
    columns: Iterator[Sequence[Any]] = zip(
        *(
            (contact, use.hour, use.count, use.last_at, use.activation_id, use.counted_at)
            for contact, use in sorted(uses.items())
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [campaign_id, *map(list, columns)])


_READ = """
    SELECT contact_id, hour, count, last_at, activation_id, counted_at FROM executions_triggeruse
    WHERE campaign_id = %s AND contact_id = ANY (%s::bigint[])
"""
_WRITE = """
    INSERT INTO executions_triggeruse (campaign_id, contact_id, hour, count, last_at, activation_id, counted_at)
    SELECT %s, one.* FROM unnest(
        %s::bigint[], %s::timestamptz[], %s::smallint[], %s::timestamptz[], %s::bigint[], %s::timestamptz[]) one
    ON CONFLICT (campaign_id, contact_id) DO UPDATE
        SET hour = excluded.hour, count = excluded.count, last_at = excluded.last_at,
            activation_id = excluded.activation_id, counted_at = excluded.counted_at
"""
# Where the execution has no word on whom it has, its month of the ledger is gone. Of an execution that was cancelled
# before they came, they are no recipients at all.
_UNSPENT = """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::smallint[])
            AS one (contact_id, activation_id, hour, count)
    ), spent AS MATERIALIZED (
        SELECT g.contact_id, e.id, e.state IN ('finished', 'cancelled') AS over,
            EXISTS (SELECT FROM executions_recipientdata r
                WHERE r.execution_id = e.id AND r.contact_id = g.contact_id) AS added,
            d.rows, d.sent, d.failed
        FROM given g JOIN executions_execution e ON e.activation_id = g.activation_id
            AND e.accepts_until = g.hour + interval '1 hour' AND e.occurrence = g.count,
        LATERAL (SELECT count(*) AS rows, count(*) FILTER (WHERE outcome IN (1, 4)) AS sent,
                count(*) FILTER (WHERE outcome = 3) AS failed
            FROM executions_delivery d WHERE d.launched_on = e.launched_on AND d.execution_id = e.id
                AND d.contact_id = g.contact_id) d
    ), due AS MATERIALIZED (
        SELECT b.execution_id, unnest(r.contact_ids[b.position + 1:]) AS contact_id
        FROM executions_batch b JOIN executions_batchrecipients r ON r.batch_id = b.id
        WHERE b.state <> 2 AND b.execution_id IN (SELECT id FROM spent WHERE NOT over AND rows > 0 AND sent = 0)
    )
    SELECT contact_id FROM spent s
    WHERE NOT added OR (rows > 0 AND sent = 0
        AND (over OR (id, contact_id) NOT IN (SELECT execution_id, contact_id FROM due))
        AND NOT (failed > 0 AND EXISTS (
            WITH RECURSIVE later AS (
                SELECT id, launched_on, state FROM executions_execution WHERE retry_of_id = s.id
                UNION ALL
                SELECT n.id, n.launched_on, n.state FROM executions_execution n JOIN later l ON n.retry_of_id = l.id)
            SELECT FROM later l WHERE l.state NOT IN ('finished', 'cancelled', 'rejected', 'failed')
                OR EXISTS (SELECT FROM executions_delivery d WHERE d.launched_on = l.launched_on
                    AND d.execution_id = l.id AND d.contact_id = s.contact_id AND d.outcome IN (1, 4)))))
"""
