"""Reads events, newest first, always of one workspace."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import QuerySet

from audiences.events.models import Event
from audiences.models import Address, Contact
from common.channels import Type
from workspaces.models import App

NEWEST_FIRST = ("-id",)


def events_of(
    *,
    workspace_id: int,
    name: str | None = None,
    contact_id: int | None = None,
    external_id: str | None = None,
) -> QuerySet[Event]:
    found = Event.objects.filter(workspace_id=workspace_id)
    if name is not None:
        found = found.filter(name=name)
    if contact_id is not None:
        found = found.filter(contact_id=contact_id)
    if external_id is not None:
        found = found.filter(contact_id=_contact_id(workspace_id, external_id))
    return found


def people_named(*, workspace_id: int, text: str) -> list[int]:
    """Contact ids of whoever has `text` as external id or as the value of an address; a hundred of them at most."""
    found = [_contact_id(workspace_id, text)]
    holders = Address.objects.filter(workspace_id=workspace_id, value__in={text, text.lower()})
    return [*filter(None, found), *holders.order_by("contact_id").values_list("contact_id", flat=True)[:100]]


def addresses_of(*, workspace_id: int, contact_ids: Collection[int]) -> dict[int, str]:
    """An email address of each, else a phone number; of those who have one."""
    held = Address.objects.filter(
        workspace_id=workspace_id, contact_id__in=contact_ids, type__in=(Type.EMAIL, Type.SMS)
    )
    first = held.order_by("contact_id", "type", "pk").distinct("contact_id")
    return dict(first.values_list("contact_id", "value"))


def events_on_wire(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Two queries for names, however many events."""
    contacts = _names(Contact, "external_id", {one.contact_id for one in events})
    apps = _names(App, "app_id", {one.app_id for one in events})
    return [_on_wire(one, contacts.get(one.contact_id), apps.get(one.app_id)) for one in events]


def _contact_id(workspace_id: int, external_id: str) -> int:
    """Zero where there is nobody: no contact has it."""
    found = Contact.objects.filter(workspace_id=workspace_id, external_id=external_id).values_list("pk", flat=True)
    return found.first() or 0


def _names(model: Any, field: str, ids: set[int | None]) -> dict[int | None, str | None]:
    wanted = ids - {None}
    return dict(model.objects.filter(pk__in=wanted).values_list("pk", field)) if wanted else {}


def _on_wire(event: Event, external_id: str | None, app_id: str | None) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "name": event.name,
        "source": event.source,
        "contact_id": event.contact_id,
        "external_id": external_id,
        "anonymous_id": event.anonymous_id,
        "app_id": app_id,
        "at": event.at,
        "received_at": event.received_at,
        "message_id": event.message_id,
        "properties": event.properties,
        "context": event.context,
    }
