"""Finds, locks and reads everyone that a call names. Set-based: five statements, whatever the number of rows."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from django.db import connection

from audiences.bulk_text import number_array, text_array
from audiences.contact_rows import AddressKey, ContactRow
from audiences.people import UNSUBSCRIBED, KnownAddress, People, Person
from audiences.rights.said import Said
from common.channels import APP_TYPES

# Upserts of the same person wait for each other, also before the person exists: there is no unique key on
# "a contact known by this email". Names fall into 256 locks a workspace, taken in ascending order.
_BUCKETS = 256
_LOCK_SPACE = 0x41 << 48


def lock_names(workspace_id: int, rows: Sequence[ContactRow]) -> None:
    buckets = sorted({zlib.crc32(repr(name).encode()) % _BUCKETS for row in rows for name in _names(row)})
    keys = [_LOCK_SPACE | workspace_id << 8 | bucket for bucket in buckets]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) key", [number_array(keys)])


def _names(row: ContactRow) -> Iterable[object]:
    yield row.external_id if row.external_id is not None else row.identifying
    for address in row.addresses:
        if address.key[0] in APP_TYPES:
            yield address.key[1:]


def read_people(workspace_id: int, rows: Sequence[ContactRow], people: People) -> None:
    """Fills `people` with the contacts and addresses that the rows name, their database rows locked in id order."""
    by_external_id = _find_external_ids(workspace_id, [row.external_id for row in rows if row.external_id is not None])
    by_address = find_addresses(workspace_id, list({row.identifying for row in rows if row.external_id is None}))
    persons = _lock_contacts({*by_external_id.values(), *by_address.values()})
    _lock_addresses(rows, persons, people)
    _read_refusals(workspace_id, rows, people)
    people.existing.extend(persons.values())
    # A contact deleted between finding and locking is gone, so its row makes a new one.
    people.by_external_id.update({key: persons[pk] for key, pk in by_external_id.items() if pk in persons})
    people.by_address.update({key: persons[pk] for key, pk in by_address.items() if pk in persons})


def _read_refusals(workspace_id: int, rows: Sequence[ContactRow], people: People) -> None:
    """Whose they are, of every email and number that is named. One short query where nobody has unsubscribed."""
    if not _rows(_ANY_REFUSAL, [workspace_id])[0][0]:
        return
    keys = {one.key for row in rows for one in row.addresses if one.key[0] not in APP_TYPES}
    given = [text_array(key[0] for key in keys), text_array(key[2] for key in keys), workspace_id]
    for kind, value, contact_id, source, at in _rows(_REFUSALS, given) if keys else ():
        people.refused.setdefault((kind, None, value), {})[False, contact_id] = Said(UNSUBSCRIBED, source, at)


# By the index address_refused, which has nobody else. OFFSET 0: one by one, or PostgreSQL reads every refusal.
_ANY_REFUSAL = "SELECT EXISTS (SELECT FROM audiences_address WHERE workspace_id = %s AND consent = 'unsubscribed')"
_REFUSALS = """
SELECT a.type, a.value, a.contact_id, a.consent_source, a.consent_at
FROM unnest(%s::text[], %s::text[]) AS named(type, value)
CROSS JOIN LATERAL (
    SELECT * FROM audiences_address
    WHERE workspace_id = %s AND type = named.type AND value = named.value AND consent = 'unsubscribed' OFFSET 0
) a
"""


def _rows(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
    return rows


def _find_external_ids(workspace_id: int, external_ids: list[str]) -> dict[str, int]:
    if not external_ids:
        return {}
    found = _rows(
        "SELECT external_id, id FROM audiences_contact WHERE workspace_id = %s AND external_id = ANY(%s::text[])",
        [workspace_id, text_array(external_ids)],
    )
    return dict(found)


def find_addresses(workspace_id: int, keys: list[AddressKey]) -> dict[AddressKey, int]:
    """Where several contacts have the address, the oldest of them."""
    if not keys:
        return {}
    kinds, apps, values = zip(*keys, strict=True)
    found = _rows(
        """
        SELECT k.place, min(a.contact_id)
        FROM unnest(%s::text[], %s::bigint[], %s::text[]) WITH ORDINALITY k(type, app_id, value, place)
        JOIN audiences_address a ON a.workspace_id = %s AND a.type = k.type AND a.value = k.value
         AND a.app_id IS NOT DISTINCT FROM k.app_id
        GROUP BY k.place
        """,
        [text_array(kinds), number_array(apps), text_array(values), workspace_id],
    )
    return {keys[place - 1]: contact_id for place, contact_id in found}


def _lock_contacts(ids: set[int]) -> dict[int, Person]:
    if not ids:
        return {}
    found = _rows(
        "SELECT id, external_id, attributes::text, locale, timezone, temporary FROM audiences_contact"
        " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        [number_array(sorted(ids))],
    )
    return {row[0]: _person(*row) for row in found}


def _person(id: int, external_id: str | None, text: str, locale: str, timezone: str, temporary: bool) -> Person:
    attributes = orjson.loads(text)
    return Person(
        id=id,
        external_id=external_id,
        attributes=attributes,
        locale=locale,
        timezone=timezone,
        temporary=temporary,
        packed=orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS),
    )


def _lock_addresses(rows: Sequence[ContactRow], persons: dict[int, Person], people: People) -> None:
    tokens = [one.key[1:] for row in rows for one in row.addresses if one.key[0] in APP_TYPES]
    ids = _rows(
        """
        SELECT id FROM audiences_address WHERE contact_id = ANY(%s::bigint[])
        UNION
        SELECT a.id FROM unnest(%s::bigint[], %s::text[]) k(app_id, value)
        JOIN audiences_address a ON a.app_id = k.app_id AND a.value = k.value AND a.type IN ('push', 'webpush')
        """,
        [number_array(persons), number_array(app for app, _ in tokens), text_array(value for _, value in tokens)],
    )
    if not ids:
        return
    found = _rows(
        "SELECT id, contact_id, type, app_id, value, platform, consent, consent_source, consent_at"
        " FROM audiences_address WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        [number_array(sorted(pk for (pk,) in ids))],
    )
    for id, contact_id, kind, app_id, value, *described in found:
        owner = persons.get(contact_id)
        known = KnownAddress(id, (kind, app_id, value), owner, *described)
        if owner is not None:
            owner.addresses[known.key] = known
        if kind in APP_TYPES:
            people.tokens[(app_id, value)] = known
