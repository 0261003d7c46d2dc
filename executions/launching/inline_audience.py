"""Takes in the contacts that a launch names one by one: upserts them by set, and says which can't be used."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from audiences.audience_definition import AudienceDefinition
from audiences.rights.models import Way
from audiences.upsert import upsert_contacts
from common.errors import FieldError
from common.personalization import RECIPIENT_PERSONALIZATION_LIMIT, personalization_errors

FIELD = "audience.contacts"


@dataclass(frozen=True, slots=True)
class InlineReport:
    """`personalization` is by contact id; `rejected` as on the wire: index, field, code, message.

    Somebody named twice is one recipient with what was said last, and counted in `duplicates`.
    """

    personalization: dict[int, dict[str, Any]] = field(default_factory=dict)
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        return len(self.personalization)

    def errors(self) -> list[FieldError]:
        """Each refused recipient as an error of the request, for a caller that wants all or nobody."""
        return [
            FieldError(f"{FIELD}[{one['index']}].{one['field']}".rstrip("."), one["code"], one["message"])
            for one in self.rejected
        ]


def take_in(*, workspace_id: int, audience: AudienceDefinition) -> InlineReport:
    """Writes the contacts; belongs inside the transaction of the launch."""
    contacts = audience.contacts
    if contacts is None:
        return InlineReport()
    rejected = [error for index, contact in enumerate(contacts) for error in _personalization_error(index, contact)]
    refused = {error["index"] for error in rejected}
    places = [index for index in range(len(contacts)) if index not in refused]
    report = upsert_contacts(
        workspace_id=workspace_id,
        rows=[_row(contacts[place]) for place in places],
        create_missing=audience.create_missing,
        field_prefix="",
        way=Way.LAUNCH,
    )
    rejected.extend({**one.as_wire(), "index": places[one.index]} for one in report.rejected)
    personalization: dict[int, dict[str, Any]] = {}
    used = [(place, found) for place, found in zip(places, report.contact_ids, strict=True) if found is not None]
    for place, contact_id in used:
        personalization[contact_id] = contacts[place].get("personalization") or {}
    rejected.sort(key=lambda one: one["index"])
    return InlineReport(personalization, len(used) - len(personalization), rejected)


def store(*, execution_id: int, report: InlineReport) -> None:
    """Makes the contacts the members of the execution's inline audience."""
    ids = sorted(report.personalization)
    values = [orjson.dumps(report.personalization[one]).decode() for one in ids]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO executions_recipientdata (execution_id, contact_id, personalization)
            SELECT %s, * FROM unnest(%s::bigint[], %s::jsonb[])
            """,
            [execution_id, ids, values],
        )


def _row(contact: Any) -> Any:
    """What the upsert is given: `personalization` is never stored on a contact."""
    if not isinstance(contact, dict):
        return contact
    return {name: value for name, value in contact.items() if name != "personalization"}


def _personalization_error(index: int, contact: Any) -> list[dict[str, Any]]:
    """At most one: the first thing wrong with a recipient is enough to refuse it."""
    given = contact.get("personalization") if isinstance(contact, dict) else None
    if given is None or given == {}:
        return []
    errors = personalization_errors(given, field="personalization", limit=RECIPIENT_PERSONALIZATION_LIMIT)
    return [
        {"index": index, "field": error.field, "code": error.code, "message": error.message} for error in errors[:1]
    ]
