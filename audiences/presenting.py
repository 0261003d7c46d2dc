"""Rows as the wire shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from audiences.models import Address, Contact, List, Suppression
from audiences.selectors import addresses_of


def contacts_on_wire(contacts: Sequence[Contact]) -> list[dict[str, Any]]:
    """One query for the addresses, however many contacts."""
    addresses = addresses_of(contacts)
    return [_contact(one, addresses.get(one.pk, [])) for one in contacts]


def _contact(contact: Contact, addresses: Sequence[Address]) -> dict[str, Any]:
    return {
        "contact_id": contact.pk,
        "external_id": contact.external_id,
        "locale": contact.locale or None,
        "timezone": contact.timezone or None,
        "attributes": contact.attributes,
        "addresses": [_address(one) for one in addresses],
        "temporary": contact.temporary,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "url": f"/api/v1/contacts/{contact.pk}",
    }


def _address(address: Address) -> dict[str, Any]:
    return {
        "address_id": address.pk,
        "type": address.type,
        "app_id": address.app.app_id if address.app else None,
        "value": address.value,
        "platform": address.platform or None,
        "state": address.state,
        "consent": address.consent,
        "consent_source": address.consent_source or None,
        "consent_at": address.consent_at,
    }


def list_on_wire(found: List) -> dict[str, Any]:
    return {
        "list_id": found.pk,
        "name": found.name,
        "description": found.description,
        "state": "archived" if found.archived_at else "open",
        "created_at": found.created_at,
        "created_by": found.created_by,
        "url": f"/api/v1/lists/{found.pk}",
    }


def reason_on_wire(kept: dict[str, str]) -> dict[str, Any]:
    """One of `Suppression.other_reasons`."""
    return {**kept, "created_at": datetime.fromisoformat(kept["created_at"])}


def suppression_on_wire(found: Suppression) -> dict[str, Any]:
    return {
        "suppression_id": found.pk,
        "type": found.type,
        "value": found.value,
        "reason": found.reason,
        "source": found.source,
        "created_at": found.created_at,
        "other_reasons": [reason_on_wire(one) for one in found.other_reasons],
        "url": f"/api/v1/suppressions/{found.pk}",
    }
