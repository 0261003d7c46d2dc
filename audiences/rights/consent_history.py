"""Writes down how consents change, in the transaction of the change, and reads it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from audiences.models import Address, Consent
from audiences.rights.models import ConsentChange, Way
from audiences.rights.said import Said
from audiences.suppressing import suppress
from audiences.suppression_rows import UNSUBSCRIBED, SuppressionRow


@dataclass(frozen=True, slots=True)
class Changed:
    contact_id: int
    type: str
    value: str
    before: Said
    after: Said


def write_changes(*, workspace_id: int, changes: Sequence[Changed], way: Way) -> None:
    """One statement, whatever their number; ids follow their order."""
    if not changes:
        return
    rows = [(one.contact_id, one.type, one.value, *one.before, *one.after) for one in changes]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [workspace_id, way.value, *map(list, zip(*rows, strict=True))])


def keep_refusals(*, contact_ids: Sequence[int]) -> None:
    """Before contacts are deleted: an address that unsubscribed would be subscribed again by coming in anew."""
    refused = Address.objects.filter(contact_id__in=contact_ids, consent=Consent.UNSUBSCRIBED).order_by("pk")
    rows: dict[int, list[SuppressionRow]] = {}
    for one in refused:
        row = SuppressionRow(one.type, one.value, UNSUBSCRIBED, one.consent_source, one.consent_at)
        rows.setdefault(one.workspace_id, []).append(row)
    for workspace_id in sorted(rows):
        suppress(workspace_id, rows[workspace_id])


def changes_of(*, contact_id: int, workspace_id: int) -> QuerySet[ConsentChange]:
    """Newest first is by id."""
    return ConsentChange.objects.filter(workspace_id=workspace_id, contact_id=contact_id)


def said_by(address: Address) -> Said:
    return Said(address.consent, address.consent_source, address.consent_at)


def change_on_wire(change: ConsentChange) -> dict[str, Any]:
    return {
        "type": change.type,
        "value": change.value,
        "from": {"consent": change.before, "source": change.before_source or None, "at": change.before_at},
        "to": {"consent": change.after, "source": change.source or None, "at": change.at},
        "way": change.way,
        "recorded_at": change.recorded_at,
    }


_WRITE = """
INSERT INTO audiences_consentchange (workspace_id, way, contact_id, type, value, before, before_source, before_at,
                                     after, source, at)
SELECT %s, %s, one.*
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],
            %s::timestamptz[]) AS one
"""
