"""The reserved variables of a recipient who is not sent to: in dry runs and test sends."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from audiences.unsubscribe import unsubscribe_token
from executions.content import Content, contact_field

_LINKS = frozenset({"unsubscribe_url", "preferences_url"})


def reserved_values(
    content: Content,
    *,
    execution_id: int,
    contact_id: int,
    address_id: int,
    external_id: str | None,
    locale: str,
    timezone: str,
    attributes: Mapping[str, Any],
) -> dict[str, Any]:
    """Only those that the content uses: a link's signature and a copy of a contact cost time."""
    reserved: dict[str, Any] = {}
    if not content.fields.isdisjoint(_LINKS):
        token = unsubscribe_token(execution_id=execution_id, contact_id=contact_id, address_id=address_id)
        url = f"{settings.BASE_URL}/u/{token}"
        reserved = {"unsubscribe_url": url, "preferences_url": url}
    if "contact" in content.fields:
        reserved["contact"] = contact_field(
            external_id=external_id, locale=locale, timezone=timezone, attributes=attributes
        )
    return reserved
