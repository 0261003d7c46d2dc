"""`/api/v1/executions/{id}`: what is done by hand after trouble. Retrying the failed, settling what is unknown, and
batches that crashed their worker."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.idempotency import bodiless, idempotent
from common.pagination import by_id, present, read_page, read_rows
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_or_refuse, read_query
from executions.api import settling_examples as examples
from executions.api.settling_serializers import (
    BatchMoved,
    BatchPage,
    BatchQuery,
    DeliveriesSettled,
    Retried,
    RetryBody,
    SettleBody,
    settle_fields,
)
from executions.enqueue import enqueue_drain, enqueue_next
from executions.launching.retrying import DEFAULT, retry_failed
from executions.models import Batch
from executions.reading.batches import batch_wires, batches_of
from executions.reading.progress import execution_wire, progress_of
from executions.reading.selectors import get_execution
from executions.settling import set_aside
from executions.settling.unknowns import settle_unknown
from executions.states import Outcome
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_MOVED: dict[str, Any] = {
    "request": None,
    "responses": BatchMoved,
    "parameters": [IDEMPOTENCY_KEY],
    "examples": [OpenApiExample("Moved", examples.BATCH_MOVED, response_only=True)],
}


class SettlingViewSet(ViewSet):
    required_scopes = {
        "retry_failed": Scope.EXECUTIONS_LAUNCH,
        "settle": Scope.EXECUTIONS_LAUNCH,
        "batches": Scope.EXECUTIONS_READ,
        "release": Scope.EXECUTIONS_LAUNCH,
        "narrow": Scope.EXECUTIONS_LAUNCH,
        "give_up": Scope.EXECUTIONS_LAUNCH,
    }

    @extend_schema(
        operation_id="executions_retry_failed",
        summary="Retry the failed",
        description="Launches one more execution, linked by `retry_of`, to whoever failed in one that is finished or "
        "cancelled: the same template version, personalization and capping, the same addresses. Consent, suppression "
        "and caps are asked anew, and so is approval. Asking again answers the same execution. A retry can be "
        "retried; that also reaches those settled as failed meanwhile in the executions before it.",
        parameters=[IDEMPOTENCY_KEY],
        request=RetryBody,
        responses=Retried,
        examples=[
            OpenApiExample("The failed", {}, request_only=True),
            OpenApiExample("The unknown too", examples.RETRY, request_only=True),
            OpenApiExample("Retried", examples.RETRIED, response_only=True),
        ],
    )
    @idempotent
    def retry_failed(self, request: Request, execution_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        get_execution(execution_id=execution_id, workspace_id=workspace_id)
        body = read_or_refuse(RetryBody, request.data, detail="Nothing was launched.")
        include = sorted(set(body.get("include", DEFAULT)))
        retry = retry_failed(
            execution_id=execution_id, workspace_id=workspace_id, actor=actor_of(request), include=include
        )
        made = retry.execution
        if retry.made:
            transaction.on_commit(lambda: enqueue_next(made.pk, made.state), robust=True)
        execution = get_execution(execution_id=made.pk, workspace_id=workspace_id)
        message = "Retry accepted for delivery" if retry.made else "It was retried already"
        wire = execution_wire(execution, progress_of([execution])[execution.pk])
        return Response({"status": "success", "message": message, **wire})

    @extend_schema(
        operation_id="executions_deliveries_settle",
        summary="Settle unknown deliveries",
        description="For deliveries that were handed over and never answered, once somebody has looked them up at the "
        "provider: `sent` or `failed`. Only `unknown` ones are settled; one that can't be settled so keeps all that "
        "are named from it. A settled one says so in `detail`; as `failed` it gives its use of the frequency caps "
        "back, and can be retried.",
        parameters=[IDEMPOTENCY_KEY],
        request=SettleBody,
        responses=DeliveriesSettled,
        examples=[
            OpenApiExample("Named", examples.SETTLE, request_only=True),
            OpenApiExample("All", examples.SETTLE_ALL, request_only=True),
            OpenApiExample("Settled", examples.SETTLED, response_only=True),
        ],
    )
    @idempotent
    def settle(self, request: Request, execution_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        get_execution(execution_id=execution_id, workspace_id=workspace_id)
        fields = settle_fields(read(SettleBody, request.data))
        outcome = fields.pop("outcome")
        done = settle_unknown(
            execution_id=execution_id,
            workspace_id=workspace_id,
            outcome=Outcome[outcome.upper()],
            actor=actor_of(request),
            **fields,
        )
        return Response(
            {
                "status": "success",
                "message": f"Deliveries settled as {outcome}",
                "execution_id": execution_id,
                "outcome": outcome,
                "settled": done.settled,
                "unchanged": done.unchanged,
                "unknown": done.left,
            }
        )

    @extend_schema(
        operation_id="executions_batches",
        summary="List batches",
        description="How an execution is split up. Those that crashed their worker three times are `quarantined`: "
        "nobody works on them until they are released, narrowed down or given up.",
        parameters=[BatchQuery, *PAGE_PARAMETERS],
        responses=BatchPage,
        examples=[OpenApiExample("Quarantined", examples.BATCHES, response_only=True)],
    )
    def batches(self, request: Request, execution_id: int) -> Response:
        get_execution(execution_id=execution_id, workspace_id=workspace_of(request).pk)
        found = batches_of(execution_id=execution_id, **read_query(BatchQuery, request.query_params))
        page = read_rows(found, read_page(request.query_params), order=("id",))
        wires = {wire["batch_id"]: wire for wire in batch_wires(page.rows)}
        return Response(present(request, page, lambda batch: wires[batch.pk], key=by_id))

    @extend_schema(
        operation_id="executions_batches_release",
        summary="Release a quarantined batch",
        description="It is tried again as it is; three more crashes set it aside again.",
        **_MOVED,
    )
    @bodiless
    def release(self, request: Request, execution_id: int, batch_id: int) -> Response:
        return _moved(set_aside.release, "Batch released", request, execution_id, batch_id)

    @extend_schema(
        operation_id="executions_batches_narrow",
        summary="Narrow a quarantined batch down",
        description=f"It is tried again in up to {set_aside.PARTS} parts, each of which one crash sets aside: so the "
        "recipient who is to blame is soon alone.",
        **_MOVED,
    )
    @bodiless
    def narrow(self, request: Request, execution_id: int, batch_id: int) -> Response:
        return _moved(set_aside.narrow, "Batch narrowed down", request, execution_id, batch_id)

    @extend_schema(
        operation_id="executions_batches_give_up",
        summary="Give a quarantined batch up",
        description="Whoever of it was not sent to is recorded as `failed: worker_crashed`.",
        **_MOVED,
    )
    @bodiless
    def give_up(self, request: Request, execution_id: int, batch_id: int) -> Response:
        return _moved(set_aside.give_up, "Batch given up", request, execution_id, batch_id)


def _moved(move: Callable[..., Batch], message: str, request: Request, execution_id: int, batch_id: int) -> Response:
    workspace_id = workspace_of(request).pk
    batch = move(execution_id=execution_id, workspace_id=workspace_id, batch_id=batch_id, actor=actor_of(request))
    transaction.on_commit(lambda: enqueue_drain(execution_id), robust=True)
    [wire] = batch_wires([batch])
    return Response({"status": "success", "message": message, **wire})
