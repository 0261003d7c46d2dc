"""`/api/v1/schedules`: launches that recur. They are made by executing a campaign with an `rrule`."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.idempotency import bodiless
from common.pagination import by_id, present, read_page, read_rows
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read_query
from executions.api import schedule_examples as examples
from executions.api.schedule_serializers import ScheduleMoved, SchedulePage, ScheduleQuery, ScheduleRead
from executions.models import Schedule
from executions.scheduling import control
from executions.scheduling.selectors import get_schedule, schedules_of
from executions.scheduling.wire import schedule_wire
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_MOVED: dict[str, Any] = {
    "request": None,
    "responses": ScheduleMoved,
    "parameters": [IDEMPOTENCY_KEY],
    "examples": [OpenApiExample("Moved", examples.MOVED, response_only=True)],
}


class ScheduleViewSet(ViewSet):
    required_scopes = {
        "list": Scope.EXECUTIONS_READ,
        "retrieve": Scope.EXECUTIONS_READ,
        "pause": Scope.EXECUTIONS_LAUNCH,
        "resume": Scope.EXECUTIONS_LAUNCH,
        "cancel": Scope.EXECUTIONS_LAUNCH,
    }

    @extend_schema(
        summary="List schedules, newest first",
        parameters=[ScheduleQuery, *PAGE_PARAMETERS],
        responses=SchedulePage,
        examples=[OpenApiExample("Schedules", examples.PAGE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(ScheduleQuery, request.query_params)
        found = schedules_of(workspace_id=workspace_of(request).pk, **filters)
        page = read_rows(found, read_page(request.query_params))
        return Response(present(request, page, lambda one: schedule_wire(one, runs=1), key=by_id))

    @extend_schema(
        summary="Read a schedule",
        description="The executions that it made: `GET /api/v1/executions?schedule={id}`.",
        responses=ScheduleRead,
        examples=[OpenApiExample("Every Monday and Thursday", examples.SCHEDULE, response_only=True)],
    )
    def retrieve(self, request: Request, schedule_id: int) -> Response:
        found = get_schedule(schedule_id=schedule_id, workspace_id=workspace_of(request).pk)
        return Response(schedule_wire(found))

    @extend_schema(
        summary="Pause a schedule",
        description="Runs that would be due meanwhile are left out. Executions that it made go on.",
        **_MOVED,
    )
    @bodiless
    def pause(self, request: Request, schedule_id: int) -> Response:
        return _moved(control.pause_schedule, "Schedule paused", request, schedule_id)

    @extend_schema(summary="Resume a schedule", description="Goes on with the first run that is to come.", **_MOVED)
    @bodiless
    def resume(self, request: Request, schedule_id: int) -> Response:
        return _moved(control.resume_schedule, "Schedule resumed", request, schedule_id)

    @extend_schema(
        summary="Cancel a schedule",
        description="It can't be undone. Executions that it made go on; cancel them one by one.",
        **_MOVED,
    )
    @bodiless
    def cancel(self, request: Request, schedule_id: int) -> Response:
        return _moved(control.cancel_schedule, "Schedule cancelled", request, schedule_id)


def _moved(move: Callable[..., Schedule], message: str, request: Request, schedule_id: int) -> Response:
    moved = move(schedule_id=schedule_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
    return Response({"status": "success", "message": message, **schedule_wire(moved)})
