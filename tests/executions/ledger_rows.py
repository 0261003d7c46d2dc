"""Executions in the middle of their life, written as rows: batches with counts, ledger rows, receipts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from audiences.models import Address, Contact
from campaigns.models import Campaign
from common.authorship import SYSTEM
from executions.delivery.partitions import ensure_partition
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Batch, Delivery, Execution
from executions.states import Outcome

AT = datetime(2026, 11, 23, 10, 0, 2, tzinfo=UTC)


def launched(campaign: Campaign, audience: Mapping[str, Any] | None = None, **fields: Any) -> Execution:
    """An execution to everyone; `fields` are set on its row afterwards."""
    request = LaunchRequest(audience=audience or {"type": "all"})
    execution = launch(campaign=campaign, request=request, actor=SYSTEM).execution
    Execution.objects.filter(pk=execution.pk).update(**fields)
    ensure_partition(execution.launched_on)
    return Execution.objects.get(pk=execution.pk)


def make_batch(execution: Execution, size: int, **fields: Any) -> Batch:
    """`position` follows from the counts."""
    counts = ("sent", "skipped", "failed", "unknown", "parked")
    position = sum(fields.get(name, 0) for name in counts)
    values = {"workspace_id": execution.workspace_id, "size": size, "position": position, "marked_to": position}
    return Batch.objects.create(execution=execution, **{**values, **fields})


def make_delivery(execution: Execution, contact: Contact, address: Address | None = None, **fields: Any) -> Delivery:
    """Sent, unless told otherwise."""
    outcome = fields.pop("outcome", Outcome.SENT)
    sent = outcome == Outcome.SENT
    values = {
        "launched_on": execution.launched_on,
        "execution_id": execution.pk,
        "contact_id": contact.pk,
        "address_id": address.pk if address else 0,
        "workspace_id": execution.workspace_id,
        "outcome": outcome,
        "attempts": 1 if sent else 0,
        "provider_id": execution.provider_id if sent else None,
        "sent_at": AT if sent else None,
        "recorded_at": AT,
    }
    return Delivery.objects.create(**{**values, **fields})


def make_receipt(delivery: Delivery, kind: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_receipt"
            " (launched_on, execution_id, contact_id, address_id, workspace_id, kind, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                delivery.launched_on,
                delivery.execution_id,
                delivery.contact_id,
                delivery.address_id,
                delivery.workspace_id,
                kind,
                AT,
            ],
        )
