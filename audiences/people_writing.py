"""Writes what applying the rows changed: a statement per table, whatever the number of rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from audiences.bulk_text import NULL, boolean_array, cell, moment_array, number_array, text_array
from audiences.people import KnownAddress, People, Person
from audiences.rights.consent_history import Changed, write_changes
from audiences.rights.erased import hold_back
from audiences.rights.models import Way
from audiences.rights.said import Said
from audiences.suppressing import lift_unsubscribing

_LINES_AT_ONCE = 1_000


def write_people(workspace_id: int, people: People, way: Way) -> None:
    """Gives new people their ids. Under the shared lock of `audiences.rights.erased`."""
    _insert_contacts(workspace_id, people.created)
    _update_contacts([one for one in people.existing if one.changed])
    _insert_addresses(workspace_id, people.added)
    _update_addresses(people.changed_addresses())
    _lift_unsubscriptions(workspace_id, people)
    write_changes(workspace_id=workspace_id, changes=[_changed(*one) for one in people.said_anew], way=way)
    if people.added:
        hold_back(workspace_id, ((one.key[0], one.key[2]) for one in people.added))


def _changed(address: KnownAddress, before: Said, after: Said) -> Changed:
    contact_id = address.owner.id if address.owner else None
    return Changed(contact_id or 0, address.key[0], address.key[2], before, after)


class Joining(NamedTuple):
    """Contact ids, ascending: those made in this transaction, and those who may be members already."""

    new: list[int]
    known: list[int]


def join_lists(*, workspace_id: int, list_ids: Sequence[int], joining: Joining) -> None:
    for list_id in sorted(set(list_ids)):
        if joining.new:
            _copy(_NEW_IN_LIST, [f"{list_id}\t{contact_id}\t{workspace_id}\n" for contact_id in joining.new])
        if joining.known:
            _execute(_JOIN_LIST, [list_id, workspace_id, number_array(joining.known)])


def join_upload(
    *, workspace_id: int, upload_id: int, joining: Joining, personalization: Mapping[int, str | None]
) -> int:
    """How many were not in the upload before. Who was, has this personalization from now on, or none."""
    if joining.new:
        begin, end = f"{upload_id}\t", f"\t{workspace_id}\t"
        _copy(_NEW_IN_UPLOAD, [f"{begin}{pk}{end}{cell(personalization.get(pk))}\n" for pk in joining.new])
    if not joining.known:
        return len(joining.new)
    said = text_array(personalization.get(pk) for pk in joining.known)
    with connection.cursor() as cursor:
        cursor.execute(_JOIN_UPLOAD, [upload_id, workspace_id, number_array(joining.known), said])
        return len(joining.new) + int(cursor.fetchone()[0])


def _execute(sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _copy(sql: str, lines: Sequence[str]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(sql) as copy:
        for first in range(0, len(lines), _LINES_AT_ONCE):
            copy.write("".join(lines[first : first + _LINES_AT_ONCE]))


def _insert_contacts(workspace_id: int, persons: Sequence[Person]) -> None:
    if not persons:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_IDS, [len(persons)])
        for person, (pk,) in zip(persons, cursor.fetchall(), strict=True):
            person.id = pk
    _copy(_INSERT_CONTACTS, [_contact_line(workspace_id, one) for one in persons])


def _contact_line(workspace_id: int, one: Person) -> str:
    described = f"{cell(one.packed.decode())}\t{one.locale}\t{cell(one.timezone)}\t{'t' if one.temporary else 'f'}"
    return f"{workspace_id}\t{one.id}\t{cell(one.external_id)}\t{described}\n"


def _update_contacts(persons: Sequence[Person]) -> None:
    if not persons:
        return
    _execute(
        _UPDATE_CONTACTS,
        [
            number_array(one.id for one in persons),
            text_array(one.packed.decode() for one in persons),
            text_array(one.locale for one in persons),
            text_array(one.timezone for one in persons),
            boolean_array(one.temporary for one in persons),
        ],
    )


def _insert_addresses(workspace_id: int, addresses: Sequence[KnownAddress]) -> None:
    if addresses:
        _copy(_INSERT_ADDRESSES, [_address_line(workspace_id, one) for one in addresses])


def _address_line(workspace_id: int, one: KnownAddress) -> str:
    kind, app, value = one.key
    owner, at = one.owner and one.owner.id, one.consent_at
    said = f"{one.consent}\t{cell(one.consent_source)}\t{NULL if at is None else at.isoformat()}"
    place = f"{workspace_id}\t{owner}\t{kind}\t{NULL if app is None else app}"
    return f"{place}\t{cell(value)}\t{cell(one.platform)}\tactive\t{said}\n"


def _update_addresses(addresses: Sequence[KnownAddress]) -> None:
    if addresses:
        _execute(_UPDATE_ADDRESSES, [number_array(one.id for one in addresses), *_columns(addresses)])


def _columns(addresses: Sequence[KnownAddress]) -> list[str]:
    return [
        number_array(one.owner.id if one.owner else None for one in addresses),
        text_array(one.key[0] for one in addresses),
        number_array(one.key[1] for one in addresses),
        text_array(one.key[2] for one in addresses),
        text_array(one.platform for one in addresses),
        text_array(one.consent for one in addresses),
        text_array(one.consent_source for one in addresses),
        moment_array(one.consent_at for one in addresses),
    ]


def _lift_unsubscriptions(workspace_id: int, people: People) -> None:
    """Proven consent ends the suppression that unsubscribing made before it; bounces and complaints stay."""
    if people.resubscribed:
        proven: dict[tuple[str, str], datetime] = {}
        for (kind, _, value), at in people.resubscribed.items():
            proven[kind, value] = max(at, proven.get((kind, value), at))
        lift_unsubscribing(workspace_id, proven)


_TAKE_IDS = "SELECT nextval(pg_get_serial_sequence('audiences_contact', 'id')) FROM generate_series(1, %s)"

_INSERT_CONTACTS = """
COPY audiences_contact (workspace_id, id, external_id, attributes, locale, timezone, temporary) FROM STDIN
"""

_UPDATE_CONTACTS = """
UPDATE audiences_contact c
SET attributes = one.attributes::jsonb, locale = one.locale, timezone = one.timezone, temporary = one.temporary,
    updated_at = now()
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::boolean[])
     AS one(id, attributes, locale, timezone, temporary)
WHERE c.id = one.id
"""

_INSERT_ADDRESSES = """
COPY audiences_address (workspace_id, contact_id, type, app_id, value, platform, state, consent, consent_source,
                        consent_at) FROM STDIN
"""

_UPDATE_ADDRESSES = """
UPDATE audiences_address a
SET contact_id = one.contact_id, type = one.type, platform = one.platform, consent = one.consent,
    consent_source = one.consent_source, consent_at = one.consent_at
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::timestamptz[])
     AS one(id, contact_id, type, app_id, value, platform, consent, consent_source, consent_at)
WHERE a.id = one.id
"""

_JOIN_LIST = """
INSERT INTO audiences_listmembership (list_id, contact_id, workspace_id)
SELECT %s, contact_id, %s FROM unnest(%s::bigint[]) contact_id
ON CONFLICT DO NOTHING
"""

_NEW_IN_LIST = "COPY audiences_listmembership (list_id, contact_id, workspace_id) FROM STDIN"

_NEW_IN_UPLOAD = """
COPY audiences_uploadmembership (upload_id, contact_id, workspace_id, personalization) FROM STDIN
"""

_JOIN_UPLOAD = """
WITH joined AS (
    INSERT INTO audiences_uploadmembership AS m (upload_id, contact_id, workspace_id, personalization)
    SELECT %s, contact_id, %s, said FROM unnest(%s::bigint[], %s::jsonb[]) one (contact_id, said)
    ON CONFLICT (upload_id, contact_id) DO UPDATE SET personalization = excluded.personalization
    WHERE m.personalization IS DISTINCT FROM excluded.personalization
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FROM joined WHERE is_new
"""
