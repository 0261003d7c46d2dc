"""Batches that crashed their worker three times: tried again, narrowed down, or given up, by hand.

Each is one compare-and-set from `quarantined`. A worker that works off a cancelled execution may hold such a batch
too; then it is too late. The caller enqueues the execution on commit (`executions.enqueue.enqueue_drain`).
"""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from psycopg.sql import SQL, Literal

from common.authorship import Actor
from common.errors import Conflict, NotFound
from executions.caps.giving_back import give_back_unused
from executions.delivery.fates import RESEND
from executions.delivery.finishing import finish_if_complete
from executions.delivery.progressing import CRASHES_ALLOWED
from executions.locks import lock_execution
from executions.models import Batch, Execution
from executions.states import BatchState, FailReason, Outcome
from workspaces.audit import record

# So that one recipient in 5,000 is alone after three times: 250, 13, 1.
PARTS = 20
GIVEN_UP = "Its batch crashed its worker three times, and {name} gave it up."


@transaction.atomic
def release(*, execution_id: int, workspace_id: int, batch_id: int, actor: Actor) -> Batch:
    """Tried again as it is: three more crashes set it aside again."""
    return _move(execution_id, workspace_id, batch_id, actor, "released", _release)


@transaction.atomic
def narrow(*, execution_id: int, workspace_id: int, batch_id: int, actor: Actor) -> Batch:
    """Tried again in up to `PARTS` parts, each set aside by one crash: whoever is to blame is soon alone.

    Raises Conflict for one recipient alone.
    """
    return _move(execution_id, workspace_id, batch_id, actor, "narrowed", _narrow)


@transaction.atomic
def give_up(*, execution_id: int, workspace_id: int, batch_id: int, actor: Actor) -> Batch:
    """Whoever of it was not sent to is recorded as failed: worker_crashed. That may end the execution."""
    moved = _move(execution_id, workspace_id, batch_id, actor, "gave_up", _give_up)
    finish_if_complete(execution_id)
    return moved


def _move(
    execution_id: int,
    workspace_id: int,
    batch_id: int,
    actor: Actor,
    action: str,
    change: Callable[[Execution, Batch, Actor], None],
) -> Batch:
    """Raises NotFound, and Conflict for a batch that is not set aside."""
    execution = lock_execution(execution_id=execution_id, workspace_id=workspace_id)
    rows = Batch.objects.filter(pk=batch_id, execution=execution)
    batch = rows.select_for_update(no_key=True).first()
    if batch is None:
        raise NotFound("This execution has no such batch.")
    if batch.state != BatchState.QUARANTINED or batch.lease_token is not None:
        state = "being worked on" if batch.lease_token else BatchState(batch.state).name.lower()
        raise Conflict(f"Batch {batch_id} is {state}; only one that is quarantined can be {_PAST[action]}.")
    change(execution, batch, actor)
    _audit(execution, batch, action, actor)
    return rows.get()


_PAST = {"released": "released", "narrowed": "narrowed down", "gave_up": "given up"}


def _left(batch: Batch) -> int:
    return batch.size - batch.position


def _update(batch: Batch, **change: Any) -> None:
    rows = Batch.objects.filter(pk=batch.pk, state=BatchState.QUARANTINED, lease_token=None, position=batch.position)
    if rows.update(**change) != 1:
        raise Conflict(f"Batch {batch.pk} was changed by another meanwhile.")


def _release(execution: Execution, batch: Batch, actor: Actor) -> None:
    """As `ready`, so that the sweep makes no bigger batch of it and others; but what may have been sent before still
    uses the caps (`executions.caps.reservation.still_used`)."""
    reason = RESEND if batch.reason == RESEND else "ready"
    _update(batch, state=BatchState.OPEN, crashes=0, reason=reason, not_before=Now())


def _narrow(execution: Execution, batch: Batch, actor: Actor) -> None:
    left = _left(batch)
    if left < 2:
        raise Conflict(f"Batch {batch.pk} is one recipient alone: release it or give it up.", code="narrowed_down")
    with connection.cursor() as cursor:
        cursor.execute(
            _SPLIT.format(
                batch=Literal(batch.pk),
                first=Literal(batch.position + 1),
                part=Literal(-(-left // PARTS)),
                open=Literal(BatchState.OPEN.value),
                crashes=Literal(CRASHES_ALLOWED - 1),
            )
        )
    _update(batch, state=BatchState.CLOSED, position=F("size"), marked_to=F("size"), parked=F("parked") + left)


_SPLIT = SQL("""
    WITH parts AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('executions_batch', 'id')) AS id, contact_ids, address_ids FROM (
            SELECT array_agg(u.contact_id ORDER BY u.n) AS contact_ids,
                array_agg(u.address_id ORDER BY u.n) AS address_ids
            FROM executions_batchrecipients r, unnest(r.contact_ids[{first}:], r.address_ids[{first}:])
                WITH ORDINALITY AS u (contact_id, address_id, n)
            WHERE r.batch_id = {batch} GROUP BY (u.n - 1) / {part} ORDER BY (u.n - 1) / {part}) part
    ), hot AS (
        INSERT INTO executions_batch (id, execution_id, workspace_id, state, size, not_before, reason, attempt,
            crashes, position, marked_to, journal, sent, skipped, failed, unknown, parked, reasons)
        SELECT p.id, b.execution_id, b.workspace_id, {open}, cardinality(p.contact_ids), clock_timestamp(), 'ready',
            b.attempt, {crashes}, 0, 0, '', 0, 0, 0, 0, 0, '{{}}'
        FROM parts p, executions_batch b WHERE b.id = {batch}
    )
    INSERT INTO executions_batchrecipients (batch_id, contact_ids, address_ids)
    SELECT id, contact_ids, address_ids FROM parts
""")


def _give_up(execution: Execution, batch: Batch, actor: Actor) -> None:
    left, reason = _left(batch), FailReason.WORKER_CRASHED.value
    with connection.cursor() as cursor:
        cursor.execute(
            _FAIL.format(
                launched_on=Literal(execution.launched_on),
                execution=Literal(execution.pk),
                workspace=Literal(execution.workspace_id),
                failed=Literal(Outcome.FAILED.value),
                attempts=Literal(batch.attempt),
                reason=Literal(reason),
                detail=Literal(GIVEN_UP.format(name=actor.name)),
                first=Literal(batch.position + 1),
                batch=Literal(batch.pk),
            )
        )
        contacts = {row[0] for row in cursor.fetchall()}
    failed = batch.reasons.get("failed", {})
    reasons = {**batch.reasons, "failed": {**failed, reason: failed.get(reason, 0) + left}}
    _update(
        batch,
        state=BatchState.CLOSED,
        position=F("size"),
        marked_to=F("size"),
        failed=F("failed") + left,
        reasons=reasons,
    )
    give_back_unused(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        launched_on=execution.launched_on,
        contacts=contacts,
        batch_id=batch.pk,
    )


_FAIL = SQL("""
    INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,
        outcome, attempts, recorded_at, reason, detail)
    SELECT {launched_on}, {execution}, u.contact_id, u.address_id, {workspace}, {failed}, {attempts},
        clock_timestamp(), {reason}, {detail}
    FROM executions_batchrecipients r,
        unnest(r.contact_ids[{first}:], r.address_ids[{first}:]) u (contact_id, address_id)
    WHERE r.batch_id = {batch} RETURNING contact_id
""")


def _audit(execution: Execution, batch: Batch, action: str, actor: Actor) -> None:
    record(
        workspace_id=execution.workspace_id,
        actor=actor,
        action=action,
        object_type="execution",
        object_id=execution.pk,
        object_name=execution.campaign_name,
        details={"batch_id": batch.pk, "recipients": _left(batch)},
    )
