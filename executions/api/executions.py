"""`/api/v1/executions`: read, pause, resume, cancel; and what became of every recipient."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.csv_export import CsvRenderer
from common.idempotency import bodiless
from common.pagination import by_id, present, read_page, read_rows
from common.rendering import ORJSONRenderer
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read_query
from executions.api import examples
from executions.api.delivery_export import deliveries_csv
from executions.api.serializers import (
    DeliveryPage,
    DeliveryQuery,
    ExecutionMoved,
    ExecutionPage,
    ExecutionQuery,
    ExecutionRead,
)
from executions.enqueue import enqueue_next
from executions.launching import control
from executions.models import Execution
from executions.reading.deliveries import key_of, read_deliveries
from executions.reading.progress import execution_wire, progress_of
from executions.reading.selectors import executions_of, get_execution
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_MOVED: dict[str, Any] = {
    "request": None,
    "responses": ExecutionMoved,
    "parameters": [IDEMPOTENCY_KEY],
    "examples": [OpenApiExample("Moved", examples.MOVED, response_only=True)],
}


class ExecutionViewSet(ViewSet):
    required_scopes = {
        "list": Scope.EXECUTIONS_READ,
        "retrieve": Scope.EXECUTIONS_READ,
        "deliveries": Scope.EXECUTIONS_READ,
        "pause": Scope.EXECUTIONS_LAUNCH,
        "resume": Scope.EXECUTIONS_LAUNCH,
        "cancel": Scope.EXECUTIONS_LAUNCH,
    }

    def get_renderers(self) -> Any:
        return [ORJSONRenderer(), CsvRenderer()] if self.action == "deliveries" else [ORJSONRenderer()]

    @extend_schema(
        summary="List executions, newest first",
        parameters=[ExecutionQuery, *PAGE_PARAMETERS],
        responses=ExecutionPage,
        examples=[OpenApiExample("Executions", examples.PAGE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(ExecutionQuery, request.query_params)
        found = executions_of(workspace_id=workspace_of(request).pk, **filters)
        page = read_rows(found, read_page(request.query_params))
        progress = progress_of(page.rows)
        return Response(present(request, page, lambda one: execution_wire(one, progress[one.pk]), key=by_id))

    @extend_schema(
        summary="Read an execution",
        description="The sum of `counts` is `size`, once the audience is planned.",
        responses=ExecutionRead,
        examples=[OpenApiExample("Running", examples.EXECUTION, response_only=True)],
    )
    def retrieve(self, request: Request, execution_id: int) -> Response:
        return Response(_wire(get_execution(execution_id=execution_id, workspace_id=workspace_of(request).pk)))

    @extend_schema(
        summary="List deliveries",
        description="The ledger: one row per recipient, written once. Whoever is pending has none yet. "
        "As CSV with `Accept: text/csv` or `format=csv`, and then all that match at once.",
        parameters=[
            DeliveryQuery,
            *PAGE_PARAMETERS,
            OpenApiParameter("format", {"type": "string", "enum": ["json", "csv"]}),
        ],
        responses={
            (200, "application/json"): DeliveryPage,
            (200, "text/csv"): OpenApiResponse({"type": "string"}, description="One line per delivery."),
        },
        examples=[OpenApiExample("Deliveries", examples.DELIVERIES, response_only=True, media_type="application/json")],
    )
    def deliveries(self, request: Request, execution_id: int) -> Response | StreamingHttpResponse:
        execution = get_execution(execution_id=execution_id, workspace_id=workspace_of(request).pk)
        filters = read_query(DeliveryQuery, request.query_params)
        if getattr(request.accepted_renderer, "format", "") == CsvRenderer.format:
            return deliveries_csv(execution, filters)
        page = read_deliveries(execution, read_page(request.query_params, kinds=(int, int)), filters)
        return Response(present(request, page, lambda row: row, key=key_of))

    @extend_schema(
        summary="Pause an execution",
        description="What is in flight is finished, about a second's worth. Asking again changes nothing.",
        **_MOVED,
    )
    @bodiless
    def pause(self, request: Request, execution_id: int) -> Response:
        return _moved(control.pause, "Execution paused", request, execution_id)

    @extend_schema(summary="Resume an execution", description="Goes on where it was paused.", **_MOVED)
    @bodiless
    def resume(self, request: Request, execution_id: int) -> Response:
        return _moved(control.resume, "Execution resumed", request, execution_id)

    @extend_schema(
        summary="Cancel an execution",
        description="Whoever was not sent to is recorded as `skipped: cancelled`. It can't be undone.",
        **_MOVED,
    )
    @bodiless
    def cancel(self, request: Request, execution_id: int) -> Response:
        return _moved(control.cancel, "Execution cancelled", request, execution_id)


def _moved(move: Callable[..., Execution], message: str, request: Request, execution_id: int) -> Response:
    workspace_id = workspace_of(request).pk
    moved = move(execution_id=execution_id, workspace_id=workspace_id, actor=actor_of(request))
    transaction.on_commit(lambda: enqueue_next(moved.pk, moved.state), robust=True)
    execution = get_execution(execution_id=execution_id, workspace_id=workspace_id)
    return Response({"status": "success", "message": message, **_wire(execution)})


def _wire(execution: Execution) -> dict[str, Any]:
    return execution_wire(execution, progress_of([execution])[execution.pk])
