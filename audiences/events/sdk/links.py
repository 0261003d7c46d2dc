"""Anonymous ids and the people they turn out to be.

Whoever records an event of an anonymous id and whoever says who that is wait for each other (advisory locks, shared
and exclusive), so that no event is left behind between the two.
"""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.db import connection

# What one identify attaches; an id with more events than that is no browser.
MAX_ATTACHED = 10_000
_BUCKETS = 256
_LOCK_SPACE = 0x45 << 48


def lock(*, workspace_id: int, linked: Collection[str], recorded: Iterable[str]) -> None:
    """Before anything else of the transaction is locked. In ascending order, the stronger lock where both are due."""
    exclusive = {_key(workspace_id, one) for one in linked}
    keys = sorted(exclusive | {_key(workspace_id, one) for one in recorded})
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [keys, [key in exclusive for key in keys]])


def known(*, workspace_id: int, anonymous_ids: Collection[str]) -> dict[str, int]:
    """Contact ids of the anonymous ids that somebody identified with. The contacts are locked against deletion."""
    if not anonymous_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [workspace_id, sorted(anonymous_ids)])
        return dict(cursor.fetchall())


def names(*, workspace_id: int, anonymous_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """What names the people that the anonymous ids are, as a contact to be written does: {"external_id": …}."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [workspace_id, sorted(anonymous_ids)])
        return {anonymous_id: {field: value} for anonymous_id, field, value in cursor.fetchall()}


class Attached(NamedTuple):
    """The key of an event that belongs to somebody from now on."""

    id: int
    month: date
    name: str


def link(*, workspace_id: int, contacts: Mapping[str, int]) -> Sequence[Attached]:
    """Remembers who the anonymous ids are, and gives them what they did before."""
    if not contacts:
        return ()
    given: dict[str, Any] = {
        "workspace": workspace_id,
        "ids": sorted(contacts),
        "contacts": [contacts[one] for one in sorted(contacts)],
        "most": MAX_ATTACHED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LINK, given)
        cursor.execute(_ATTACH, given)
        return [Attached(*row) for row in cursor.fetchall()]


def _key(workspace_id: int, anonymous_id: str) -> int:
    return _LOCK_SPACE | workspace_id << 8 | zlib.crc32(anonymous_id.encode()) % _BUCKETS


_LOCK = """
SELECT CASE WHEN exclusive THEN pg_advisory_xact_lock(key)::text ELSE pg_advisory_xact_lock_shared(key)::text END
FROM unnest(%s::bigint[], %s::boolean[]) AS one(key, exclusive)
"""
_KNOWN = """
SELECT known.anonymous_id, known.contact_id
FROM audiences_anonymousidentity known JOIN audiences_contact contact ON contact.id = known.contact_id
WHERE known.workspace_id = %s AND known.anonymous_id = ANY(%s::text[])
ORDER BY contact.id FOR KEY SHARE OF contact
"""
_NAMES = """
SELECT known.anonymous_id, named.field, named.value
FROM audiences_anonymousidentity known
JOIN audiences_contact contact ON contact.id = known.contact_id
CROSS JOIN LATERAL (
    SELECT 'external_id' AS field, contact.external_id AS value, 0 AS place WHERE contact.external_id IS NOT NULL
    UNION ALL
    SELECT CASE type WHEN 'email' THEN 'email' ELSE 'phone' END, value, id
    FROM audiences_address WHERE contact_id = contact.id AND type IN ('email', 'sms')
    ORDER BY place LIMIT 1
) named
WHERE known.workspace_id = %s AND known.anonymous_id = ANY(%s::text[])
"""
_LINK = """
INSERT INTO audiences_anonymousidentity AS known (workspace_id, anonymous_id, contact_id)
SELECT %(workspace)s, one.anonymous_id, one.contact_id
FROM unnest(%(ids)s::text[], %(contacts)s::bigint[]) AS one(anonymous_id, contact_id)
ON CONFLICT (workspace_id, anonymous_id) DO UPDATE SET contact_id = EXCLUDED.contact_id, linked_at = now()
WHERE known.contact_id <> EXCLUDED.contact_id
"""
_ATTACH = """
UPDATE audiences_event e SET contact_id = found.contact_id
FROM (
    SELECT past.workspace_id, past.id, past.received_month, one.contact_id
    FROM unnest(%(ids)s::text[], %(contacts)s::bigint[]) AS one(anonymous_id, contact_id)
    CROSS JOIN LATERAL (
        SELECT workspace_id, id, received_month FROM audiences_event
        WHERE workspace_id = %(workspace)s AND anonymous_id = one.anonymous_id AND contact_id IS NULL
        ORDER BY id DESC LIMIT %(most)s
    ) past
) found
WHERE e.workspace_id = found.workspace_id AND e.id = found.id AND e.received_month = found.received_month
RETURNING e.id, e.received_month, e.name
"""
