"""Forgets a person: everything of theirs among the audiences, in the caller's transaction.

What is left is a hash of each thing that named them (`audiences.rights.erased`), and the history of their consents
with the hash in the place of the address. What executions hold is `executions.rights.erasing`, which is what to call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from audiences.models import (
    Address,
    AnonymousIdentity,
    Contact,
    Event,
    ListMembership,
    Suppression,
    UploadMembership,
)
from audiences.rights.consent_history import Changed, said_by, write_changes
from audiences.rights.erased import ERASED, Key
from audiences.rights.hashing import EXTERNAL_ID, hash_of, hashes_of, made_secret, secret_of
from audiences.rights.models import ConsentChange, ErasedValue, Erasure, Way
from audiences.rights.said import Said
from common.authorship import Actor, authored_by

ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a caller names: one of the three. `address` is (type, value as it is kept)."""

    contact_id: int | None = None
    external_id: str | None = None
    address: Key | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The locked contacts, and everything that names them. Of an address that nobody has, the address alone."""

    contact_ids: list[int]
    external_ids: list[str]
    addresses: list[Key]

    @property
    def values(self) -> list[str]:
        """What to look for in texts."""
        return sorted({*self.external_ids, *(value for _, value in self.addresses)})


def find_subject(*, workspace_id: int, subject: Subject) -> Found:
    """Locks the contacts: nobody adds to them until the transaction ends. An address may name several."""
    contacts = Contact.objects.filter(workspace_id=workspace_id, pk__in=_named(workspace_id, subject))
    locked = list(contacts.order_by("pk").select_for_update().values_list("pk", "external_id"))
    ids = [pk for pk, _ in locked]
    addresses = set(Address.objects.filter(contact_id__in=ids).values_list("type", "value"))
    if subject.address is not None:
        addresses.add(subject.address)
    return Found(ids, [external_id for _, external_id in locked if external_id is not None], sorted(addresses))


def _named(workspace_id: int, subject: Subject) -> Sequence[int]:
    if subject.contact_id is not None:
        return [subject.contact_id]
    if subject.external_id is not None:
        contacts = Contact.objects.filter(workspace_id=workspace_id, external_id=subject.external_id)
        return list(contacts.values_list("pk", flat=True))
    type, value = subject.address or ("", "")
    holders = Address.objects.filter(workspace_id=workspace_id, type=type, value=value)
    return sorted(set(holders.values_list("contact_id", flat=True)))


def past_erasure(*, workspace_id: int, subject: Subject) -> Erasure | None:
    """The answer for whoever asks again."""
    if subject.contact_id is not None:
        made = Erasure.objects.filter(workspace_id=workspace_id, contact_ids__contains=[subject.contact_id])
        return made.order_by("-pk").first()
    secret = secret_of(workspace_id)
    type, value = subject.address or (EXTERNAL_ID, subject.external_id or "")
    if secret is None or Suppression.objects.filter(workspace_id=workspace_id, type=type, value=value).exists():
        return None
    return Erasure.objects.filter(values__workspace_id=workspace_id, values__hash=hash_of(secret, type, value)).first()


def forget(*, workspace_id: int, found: Found, actor: Actor) -> Erasure:
    """Under the exclusive lock of `audiences.rights.erased`, with the contacts locked."""
    secret = made_secret(workspace_id)
    _end_consents(workspace_id, found)
    _hash_history(secret, found)
    erasure = Erasure.objects.create(
        workspace_id=workspace_id,
        contact_ids=found.contact_ids,
        addresses=len(found.addresses),
        events=_delete_events(workspace_id, found),
        **authored_by(actor),
    )
    _keep_hashes(secret, found, erasure)
    for owned in (Address, AnonymousIdentity, ListMembership, UploadMembership):
        owned.objects.filter(contact_id__in=found.contact_ids).delete()
    _replace_suppressions(workspace_id, found)
    Contact.objects.filter(pk__in=found.contact_ids).delete()
    erasure.refresh_from_db(fields=["created_at"])
    return erasure


def _end_consents(workspace_id: int, found: Found) -> None:
    """The last entry of the history: what the consent was, and that it ended here."""
    addresses = Address.objects.filter(contact_id__in=found.contact_ids).order_by("pk")
    ended = Said("unsubscribed", ERASURE, None)
    changes = [Changed(one.contact_id, one.type, one.value, said_by(one), ended) for one in addresses]
    write_changes(workspace_id=workspace_id, changes=changes, way=Way.ERASURE)


def _hash_history(secret: bytes, found: Found) -> None:
    told = ConsentChange.objects.filter(contact_id__in=found.contact_ids, value_hash=None)
    keys = list(told.values_list("type", "value").distinct())
    if keys:
        given = [[type for type, _ in keys], [value for _, value in keys], hashes_of(secret, keys)]
        _execute(_HASH_HISTORY, [*given, found.contact_ids])


def _delete_events(workspace_id: int, found: Found) -> int:
    """Theirs, and those of their browsers that nobody was named for."""
    linked = AnonymousIdentity.objects.filter(contact_id__in=found.contact_ids)
    anonymous_ids = list(linked.values_list("anonymous_id", flat=True))
    count, _ = Event.objects.filter(contact_id__in=found.contact_ids).delete()
    if anonymous_ids:
        strays = Event.objects.filter(workspace_id=workspace_id, anonymous_id__in=anonymous_ids, contact_id=None)
        more, _ = strays.delete()
        count += more
    return count


def _keep_hashes(secret: bytes, found: Found, erasure: Erasure) -> None:
    keys = [*found.addresses, *((EXTERNAL_ID, one) for one in found.external_ids)]
    rows = [
        ErasedValue(workspace_id=erasure.workspace_id, type=type, hash=hash, erasure=erasure)
        for (type, _), hash in zip(keys, hashes_of(secret, keys), strict=True)
    ]
    ErasedValue.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["workspace", "hash"], update_fields=["erasure"]
    )


def _replace_suppressions(workspace_id: int, found: Found) -> None:
    """The hash stands for them now, but where somebody else has the address: that one has to be seen by value."""
    if not found.addresses:
        return
    given = [[type for type, _ in found.addresses], [value for _, value in found.addresses], workspace_id]
    _execute(_DELETE_SUPPRESSIONS, given)
    _execute(_SUPPRESS_SHARED, [workspace_id, ERASED, ERASURE, *given])


def _execute(sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


_HASH_HISTORY = """
UPDATE audiences_consentchange told SET value = '', value_hash = one.hash
FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS one(type, value, hash)
WHERE told.contact_id = ANY(%s) AND told.value_hash IS NULL AND told.type = one.type AND told.value = one.value
"""
_DELETE_SUPPRESSIONS = """
DELETE FROM audiences_suppression s
USING unnest(%s::text[], %s::text[]) AS one(type, value)
WHERE s.workspace_id = %s AND s.type = one.type AND s.value = one.value
"""
_SUPPRESS_SHARED = """
INSERT INTO audiences_suppression (workspace_id, type, value, reason, source)
SELECT %s, one.type, one.value, %s, %s
FROM unnest(%s::text[], %s::text[]) AS one(type, value)
WHERE EXISTS (SELECT FROM audiences_address a WHERE a.workspace_id = %s AND a.type = one.type AND a.value = one.value)
ORDER BY one.type, one.value
ON CONFLICT (workspace_id, type, value)
DO UPDATE SET reason = excluded.reason, source = excluded.source, other_reasons = '[]'
"""
