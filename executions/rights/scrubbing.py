"""Takes a person out of what executions keep. Ledger rows stay: they hold ids, and the sum of an execution's outcomes
is its size for ever. What is taken out of them is words that name the person: a provider's answer often does."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from audiences.bad_value import SHOWN_LENGTH, shown
from common.channels import Type
from executions.models import Execution, FrequencyUse
from executions.rights.ledger import DELIVERIES, RECEIPTS, RECIPIENT_DATA, read_ledger
from providers.mime_address import AddressError, wire_address
from providers.models import SandboxMessage
from workspaces.audit import NAME_LENGTH
from workspaces.models import AuditEntry

ERASED = "(erased)"
IN_FLIGHT = timedelta(minutes=15)
_AUDITED = ("contact", "suppression")


def scrub(*, workspace_id: int, contact_ids: Sequence[int], values: Sequence[str]) -> None:
    """`values` are the external ids and addresses that texts are searched for, in any case of letters."""
    sought = _whole_words(values)
    _scrub_by_contact(workspace_id, contact_ids, sought)
    _scrub_launches(workspace_id, sought)
    handed_to(workspace_id=workspace_id, values=values).delete()
    AuditEntry.objects.filter(object_type="contact", object_id__in=contact_ids, workspace_id=workspace_id).update(
        object_name=ERASED
    )
    named = [*values, *(f"{type} {value}" for type in Type.values for value in values)]
    as_kept = [name[:NAME_LENGTH] for name in named]
    AuditEntry.objects.filter(workspace_id=workspace_id, object_type__in=_AUDITED, object_name__in=as_kept).update(
        object_name=ERASED
    )


def handed_to(*, workspace_id: int, values: Sequence[str]) -> QuerySet[SandboxMessage]:
    """What the sandbox keeps of these addresses."""
    return SandboxMessage.objects.filter(workspace_id=workspace_id, address__in=list(values))


def scrub_late(*, workspace_id: int, contact_ids: Sequence[int], erased_at: datetime) -> None:
    """What workers had in hand while the person was erased, and wrote down after. The values are gone by then, so
    every answer of a provider goes."""
    _scrub_by_contact(workspace_id, contact_ids, None)
    _delete_sandboxed(workspace_id, contact_ids, erased_at - IN_FLIGHT)


def _whole_words(values: Sequence[str]) -> re.Pattern[str]:
    """So that who has the external id 1 is not found in every number. Messages show long values cut, and providers
    name an address as it went to them, its domain in ASCII."""
    looks = [*values, *_as_sent(values), *(shown(value).strip('"') for value in values if len(value) > SHOWN_LENGTH)]
    return re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, looks)) or '(?!)'})(?!\.?\w)", re.IGNORECASE)


def _as_sent(values: Sequence[str]) -> Iterator[str]:
    for value in values:
        if "@" in value and not value.isascii():
            with suppress(AddressError):
                yield wire_address(value).spec.decode()


def _scrub_by_contact(workspace_id: int, contact_ids: Sequence[int], sought: re.Pattern[str] | None) -> None:
    if not contact_ids:
        return
    whose: dict[str, Any] = {"workspace_id": workspace_id, "contact_ids": contact_ids}
    told = [one for one in read_ledger(DELIVERIES, **whose) if _tells(one, sought)]
    _write(_SCRUB_DELIVERY, [{**one, **_without(one, sought)} for one in told])
    _write(_SCRUB_RECEIPT, [one for one in read_ledger(RECEIPTS, **whose) if one["data"] not in ({}, "{}")])
    _write(_DELETE_RECIPIENT, list(read_ledger(RECIPIENT_DATA, **whose)))
    FrequencyUse.objects.filter(workspace_id=workspace_id, contact_id__in=contact_ids).delete()


def _delete_sandboxed(workspace_id: int, contact_ids: Sequence[int], since: datetime) -> None:
    """By execution, as the sandbox has no index of addresses, and we have none of theirs any more."""
    deliveries = read_ledger(DELIVERIES, workspace_id=workspace_id, contact_ids=contact_ids) if contact_ids else ()
    late = [one for one in deliveries if one["recorded_at"] >= since]
    ids = [f"{one['execution_id']}-{one['contact_id']}-{one['address_id']}" for one in late]
    handed = SandboxMessage.objects.filter(execution_id__in={one["execution_id"] for one in late})
    handed.filter(workspace_id=workspace_id, delivery_id__in=ids).delete()


_TEXTS = ("detail", "provider_response")


def _tells(row: dict[str, Any], sought: re.Pattern[str] | None) -> bool:
    return any(_names(row[name], name, sought) for name in _TEXTS)


def _without(row: dict[str, Any], sought: re.Pattern[str] | None) -> dict[str, str | None]:
    return {name: ERASED if _names(row[name], name, sought) else row[name] for name in _TEXTS}


def _names(text: str | None, column: str, sought: re.Pattern[str] | None) -> bool:
    if not text or text == ERASED:
        return False
    if sought is None:
        return column == "provider_response" or "@" in text
    return sought.search(text) is not None


def _scrub_launches(workspace_id: int, sought: re.Pattern[str]) -> None:
    """Recipients refused at a launch are kept with what was said of them."""
    launches = Execution.objects.filter(workspace_id=workspace_id).exclude(rejected=[])
    for execution_id, rejected in launches.values_list("pk", "rejected").order_by("pk").iterator():
        kept = [_refusal_without(one, sought) for one in rejected]
        if kept != rejected:
            Execution.objects.filter(pk=execution_id).update(rejected=kept)


def _refusal_without(refusal: dict[str, Any], sought: re.Pattern[str]) -> dict[str, Any]:
    named = sought.search(str(refusal.get("message", "")))
    return {**refusal, "message": ERASED} if named else refusal


def _write(sql: str, rows: Sequence[dict[str, Any]]) -> None:
    """A statement for each row, by key: of one person there are few, and only so is one partition read."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)


_SCRUB_DELIVERY = """
UPDATE executions_delivery SET detail = %(detail)s, provider_response = %(provider_response)s
WHERE launched_on = %(launched_on)s AND execution_id = %(execution_id)s AND contact_id = %(contact_id)s
  AND address_id = %(address_id)s
"""
_SCRUB_RECEIPT = "UPDATE executions_receipt SET data = '{}' WHERE launched_on = %(launched_on)s AND id = %(id)s"
_DELETE_RECIPIENT = """
DELETE FROM executions_recipientdata WHERE execution_id = %(execution_id)s AND contact_id = %(contact_id)s
"""
