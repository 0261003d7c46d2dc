"""Everything that is kept of a person, as one JSON document, read and written a piece at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from audiences.events.selectors import events_of, events_on_wire
from audiences.models import (
    Address,
    AnonymousIdentity,
    Contact,
    List,
    ListMembership,
    Suppression,
    UploadMembership,
)
from audiences.presenting import contacts_on_wire, suppression_on_wire
from audiences.rights.consent_history import change_on_wire, changes_of
from common.authorship import Actor
from common.rendering import dump
from executions.models import FrequencyUse
from executions.rights.ledger import DELIVERIES, RECEIPTS, RECIPIENT_DATA, read_ledger
from executions.states import Outcome
from workspaces import audit

_ROWS = 1000
Row = dict[str, Any]


def export_person(*, contact: Contact, actor: Actor) -> Iterator[bytes]:
    """The document in pieces; memory does not grow with it. That it was asked for is in the audit trail."""
    audit.record(
        workspace_id=contact.workspace_id,
        actor=actor,
        action="exported",
        object_type="contact",
        object_id=contact.pk,
        object_name=f"contact {contact.pk}",
    )
    return _document(contact)


def _document(contact: Contact) -> Iterator[bytes]:
    yield b'{"contact":' + dump(contacts_on_wire([contact])[0])
    for name, section in _SECTIONS.items():
        yield b',"%s":[' % name.encode()
        yield from _joined(section(contact))
        yield b"]"
    yield b"}\n"


def _joined(rows: Iterable[Row]) -> Iterator[bytes]:
    """A few hundred rows a piece."""
    piece: list[bytes] = []
    before = b""
    for row in rows:
        piece.append(dump(row))
        if len(piece) == _ROWS:
            yield before + b",\n".join(piece)
            piece, before = [], b",\n"
    if piece:
        yield before + b",\n".join(piece)


def _lists(contact: Contact) -> Iterator[Row]:
    mine = List.objects.filter(pk__in=ListMembership.objects.filter(contact=contact).values("list_id"))
    return ({"list_id": pk, "name": name} for pk, name in mine.order_by("pk").values_list("pk", "name"))


def _uploads(contact: Contact) -> Iterator[Row]:
    mine = UploadMembership.objects.filter(contact=contact).order_by("upload_id")
    rows = mine.values_list("upload_id", "upload__name", "upload__created_at", "personalization")
    return (
        {"upload_id": pk, "name": name, "created_at": at, "personalization": personalization or {}}
        for pk, name, at, personalization in rows
    )


def _anonymous(contact: Contact) -> Iterator[Row]:
    rows = AnonymousIdentity.objects.filter(contact=contact).order_by("pk").values_list("anonymous_id", "linked_at")
    return ({"anonymous_id": anonymous_id, "linked_at": at} for anonymous_id, at in rows)


def _consents(contact: Contact) -> Iterator[Row]:
    changes = changes_of(contact_id=contact.pk, workspace_id=contact.workspace_id).order_by("pk")
    return (change_on_wire(one) for one in changes.iterator(chunk_size=_ROWS))


def _suppressions(contact: Contact) -> Iterator[Row]:
    keys = set(Address.objects.filter(contact=contact).values_list("type", "value"))
    rows = Suppression.objects.filter(workspace_id=contact.workspace_id, value__in=[value for _, value in keys])
    return (suppression_on_wire(one) for one in rows.order_by("pk") if (one.type, one.value) in keys)


def _events(contact: Contact) -> Iterator[Row]:
    """Oldest first, by key: as many as there are."""
    after = 0
    while rows := list(
        events_of(workspace_id=contact.workspace_id, contact_id=contact.pk).filter(id__gt=after).order_by("id")[:_ROWS]
    ):
        yield from events_on_wire(rows)
        after = rows[-1].id


def _deliveries(contact: Contact) -> Iterator[Row]:
    addresses = dict(Address.objects.filter(contact=contact).values_list("pk", "value"))
    for row in _ledger(contact, DELIVERIES):
        yield {
            "delivery_id": _delivery_id(row),
            "execution_id": row["execution_id"],
            "campaign_id": row["campaign_id"],
            "campaign_name": row["campaign_name"],
            "type": row["type"],
            "address": addresses.get(row["address_id"]),
            "template_id": row["template_id"],
            "template_version": row["template_version"],
            "outcome": Outcome(row["outcome"]).label,
            **{name: row[name] for name in ("reason", "detail", "provider_response", "sent_at", "recorded_at")},
        }


def _receipts(contact: Contact) -> Iterator[Row]:
    for row in _ledger(contact, RECEIPTS):
        yield {"delivery_id": _delivery_id(row), **{name: row[name] for name in ("kind", "at", "data")}}


def _personalization(contact: Contact) -> Iterator[Row]:
    names = ("execution_id", "campaign_id", "personalization", "event")
    return ({name: row[name] for name in names} for row in _ledger(contact, RECIPIENT_DATA))


def _frequency_uses(contact: Contact) -> Iterator[Row]:
    """When a message was counted against the frequency caps, in seconds since 1970."""
    for use in FrequencyUse.objects.filter(workspace_id=contact.workspace_id, contact_id=contact.pk):
        yield from ({"at": at, "execution_id": pk} for at, pk in zip(use.ats, use.executions, strict=True))


def _ledger(contact: Contact, sql: str) -> Iterator[Row]:
    return read_ledger(sql, workspace_id=contact.workspace_id, contact_ids=[contact.pk])


def _delivery_id(row: Row) -> str:
    return f"{row['execution_id']}-{row['contact_id']}-{row['address_id']}"


_SECTIONS: dict[str, Callable[[Contact], Iterator[Row]]] = {
    "lists": _lists,
    "uploads": _uploads,
    "anonymous_ids": _anonymous,
    "consent_changes": _consents,
    "suppressions": _suppressions,
    "events": _events,
    "deliveries": _deliveries,
    "receipts": _receipts,
    "personalization": _personalization,
    "frequency_uses": _frequency_uses,
}
