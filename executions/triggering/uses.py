"""How often a contact has its message: every time, once, or once in a window; and never more than twenty an hour.

A campaign of business events has a bound of its own, as each of them is meant for many.

Read, decided and written under the lock of the campaign's promoting (`executions.triggering.promoting`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


@dataclass(slots=True)
class Decided:
    """`occurrences`: who is promoted, by the how-manieth of the contact's in this hour it is; `became`: the others."""

    occurrences: dict[int, list[Claimed]] = field(default_factory=dict)
    uses: dict[int, Use] = field(default_factory=dict)
    became: dict[Became, list[Claimed]] = field(default_factory=dict)


def decide(
    hits: Iterable[Claimed], uses: Mapping[int, Use], definition: Mapping[str, Any], *, hour: datetime, now: datetime
) -> Decided:
    """Pure. `hits` in the order in which they count."""
    made = Decided()
    for hit in hits:
        contact = hit.contact_id or BUSINESS
        use = made.uses.get(contact) or uses.get(contact)
        count = use.count if use is not None and use.hour == hour else 0
        if _has_had_it(use, definition, now):
            made.became.setdefault(Became.AGAIN, []).append(hit)
        elif count >= (MOST_AN_HOUR if contact else settings.BUSINESS_EVENTS_PER_HOUR):
            made.became.setdefault(Became.TOO_OFTEN, []).append(hit)
        else:
            made.uses[contact] = Use(hour, count + 1, now)
            made.occurrences.setdefault(count + 1, []).append(hit)
    return made


def _has_had_it(use: Use | None, definition: Mapping[str, Any], now: datetime) -> bool:
    """The window begins when the contact was promoted, so that events which waited don't come as a heap."""
    match definition["per_contact"]:
        case PerContact.ONCE:
            return use is not None
        case PerContact.WINDOW:
            return use is not None and now < use.last_at + timedelta(seconds=definition["window_seconds"])
    return False


def read_uses(campaign_id: int, contacts: Iterable[int]) -> dict[int, Use]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [campaign_id, sorted(set(contacts))])
        return {contact: Use(hour, count, last_at) for contact, hour, count, last_at in cursor.fetchall()}


def write_uses(campaign_id: int, uses: Mapping[int, Use]) -> None:
    if not uses:
        return
    columns: Iterator[Sequence[Any]] = zip(
        *((contact, use.hour, use.count, use.last_at) for contact, use in sorted(uses.items())), strict=True
    )
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [campaign_id, *map(list, columns)])


_READ = """
    SELECT contact_id, hour, count, last_at FROM executions_triggeruse
    WHERE campaign_id = %s AND contact_id = ANY (%s::bigint[])
"""
_WRITE = """
    INSERT INTO executions_triggeruse (campaign_id, contact_id, hour, count, last_at)
    SELECT %s, one.* FROM unnest(%s::bigint[], %s::timestamptz[], %s::smallint[], %s::timestamptz[]) one
    ON CONFLICT (campaign_id, contact_id) DO UPDATE
        SET hour = excluded.hour, count = excluded.count, last_at = excluded.last_at
"""
