"""Whose events these are: contacts found, or made, by what names them. A statement or two, whatever the number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from audiences.contact_rows import AddressKey, parse_row
from audiences.people_reading import find_addresses
from audiences.upsert import upsert_contacts

# What names a person: an external id, or an address.
PersonKey = str | AddressKey


@dataclass(frozen=True, slots=True)
class PersonRow:
    """`row` is what makes the contact if there is none: a contact as `upsert_contacts` takes it."""

    key: PersonKey
    row: Mapping[str, Any]


def parse_person(index: int, row: Mapping[str, Any]) -> PersonRow:
    """From `external_id`, `email`, `phone`. Raises BadValue."""
    parsed = parse_row(index, row, {})
    return PersonRow(parsed.external_id if parsed.external_id is not None else parsed.identifying, row)


def resolve(*, workspace_id: int, persons: Sequence[PersonRow], create_missing: bool) -> dict[PersonKey, int]:
    """Contact ids by key. The contacts stay until the transaction ends: they are locked against deletion.

    Somebody unknown is made, or, without `create_missing`, left out of the answer.
    """
    found = _existing(workspace_id, list(dict.fromkeys(person.key for person in persons)))
    if create_missing:
        found |= _made(workspace_id, [person for person in persons if person.key not in found])
    return found


def _made(workspace_id: int, persons: Sequence[PersonRow]) -> dict[PersonKey, int]:
    """A row that says the same as one before is not written again."""
    rows = {(person.key, *person.row.items()): person for person in persons}
    if not rows:
        return {}
    report = upsert_contacts(workspace_id=workspace_id, rows=[person.row for person in rows.values()])
    made = zip(rows.values(), report.contact_ids, strict=True)
    return {person.key: contact_id for person, contact_id in made if contact_id is not None}


def _existing(workspace_id: int, keys: Sequence[PersonKey]) -> dict[PersonKey, int]:
    external_ids = [key for key in keys if isinstance(key, str)]
    addresses = [key for key in keys if not isinstance(key, str)]
    found: dict[PersonKey, int] = {}
    if external_ids:
        found |= dict(_rows(_BY_EXTERNAL_ID, [workspace_id, external_ids]))
    if addresses:
        holders = find_addresses(workspace_id, addresses)
        kept = {pk for (pk,) in _rows(_KEEP, [sorted(set(holders.values()))])}
        found |= {key: pk for key, pk in holders.items() if pk in kept}
    return found


def _rows(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[Any] = cursor.fetchall()
    return found


_BY_EXTERNAL_ID = """
SELECT external_id, id FROM audiences_contact
WHERE workspace_id = %s AND external_id = ANY(%s::text[]) ORDER BY id FOR KEY SHARE
"""
_KEEP = "SELECT id FROM audiences_contact WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"
