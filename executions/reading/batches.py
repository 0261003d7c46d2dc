"""Reads an execution's batches, and those of a workspace that crashed their worker and were set aside."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from executions.models import Batch, BatchCrash
from executions.states import BatchState

SHOWN_RECIPIENTS = 5
STATES = {state.name.lower(): state.value for state in BatchState}


def batches_of(*, execution_id: int, state: str | None = None) -> QuerySet[Batch]:
    """Of an execution that is known to be the caller's; `state` is one of `STATES`. One without recipients only moves
    counts, and is left out."""
    found = Batch.objects.filter(execution_id=execution_id, size__gt=0)
    return found.filter(state=STATES[state]) if state else found


def set_aside_in(workspace_ids: Collection[int]) -> QuerySet[Batch]:
    """With their executions."""
    found = Batch.objects.filter(workspace_id__in=workspace_ids, state=BatchState.QUARANTINED)
    return found.select_related("execution")


def batch_wires(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """As the API shows them, with one query for their crashes and one for the first of those who are left."""
    ids = [batch.pk for batch in batches]
    crashes, recipients = _crashes(ids), _recipients(ids)
    return [_wire(batch, crashes.get(batch.pk), recipients.get(batch.pk, [])) for batch in batches]


def _wire(batch: Batch, crash: BatchCrash | None, recipients: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "batch_id": batch.pk,
        "execution_id": batch.execution_id,
        "state": BatchState(batch.state).name.lower(),
        "reason": batch.reason,
        "size": batch.size,
        "left": batch.size - batch.position,
        "recipients": recipients,
        "attempt": batch.attempt,
        "not_before": batch.not_before,
        "crashes": batch.crashes,
        "last_crash": _crash_wire(batch, crash),
    }


def _crash_wire(batch: Batch, crash: BatchCrash | None) -> dict[str, Any] | None:
    """`marked`: how many of those who are left were marked when the worker died, the first of them."""
    if crash is None:
        return None
    return {
        "at": crash.at,
        "host": crash.host or None,
        "marked": max(crash.stop - batch.position, 0),
        "message": crash.words or None,
    }


def _crashes(ids: Sequence[int]) -> Mapping[int, BatchCrash]:
    """The last one of each."""
    found = BatchCrash.objects.filter(batch__in=ids).order_by("batch_id", "-pk").distinct("batch_id")
    return {crash.batch_id: crash for crash in found}


def _recipients(ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """The first of those who are left in batches that are set aside."""
    found: dict[int, list[dict[str, Any]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT b.id, c.external_id, a.value
            FROM executions_batch b JOIN executions_batchrecipients r ON r.batch_id = b.id,
                unnest(r.contact_ids[b.position + 1:b.position + %(shown)s],
                    r.address_ids[b.position + 1:b.position + %(shown)s])
                    WITH ORDINALITY AS u (contact_id, address_id, n)
                LEFT JOIN audiences_contact c ON c.id = u.contact_id
                LEFT JOIN audiences_address a ON a.id = u.address_id AND a.contact_id = u.contact_id
            WHERE b.id = ANY (%(ids)s::bigint[]) AND b.state = %(quarantined)s
            ORDER BY b.id, u.n
            """,
            {"ids": list(ids), "shown": SHOWN_RECIPIENTS, "quarantined": BatchState.QUARANTINED.value},
        )
        for batch_id, external_id, address in cursor.fetchall():
            found.setdefault(batch_id, []).append({"external_id": external_id, "address": address})
    return found
