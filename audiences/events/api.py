"""`/api/v1/events`: what servers report, and what has arrived."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences.events import examples
from audiences.events.models import Event
from audiences.events.selectors import NEWEST_FIRST, events_of, events_on_wire
from audiences.events.serializers import (
    EVENTS_OR_ONE,
    EventOptions,
    EventPage,
    EventQuery,
    EventsAnswer,
    EventsWrite,
)
from audiences.events.server_events import EventsReport, accept_events
from audiences.examples import page as page_example
from common.errors import FieldError, Invalid
from common.idempotency import idempotent
from common.pagination import present, read_page, read_rows
from common.parsing import ItemsJSONParser
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read_or_refuse, read_query
from workspaces.permissions import workspace_of
from workspaces.roles import Scope

NOTHING = "Nothing was recorded."


class EventViewSet(ViewSet):
    parser_classes = [ItemsJSONParser]
    required_scopes = {"list": Scope.EVENTS_READ, "create": Scope.EVENTS_WRITE}

    @extend_schema(
        summary="List events, newest first",
        parameters=[EventQuery, *PAGE_PARAMETERS],
        responses=EventPage,
        examples=[OpenApiExample("Events", page_example(examples.READ), response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(EventQuery, request.query_params)
        workspace_id = workspace_of(request).pk
        found = events_of(workspace_id=workspace_id, **filters)
        page = read_rows(found, read_page(request.query_params), order=NEWEST_FIRST)
        shown = {one["event_id"]: one for one in self.on_wire(workspace_id, page.rows)}
        return Response(present(request, page, lambda event: shown[event.id], key=lambda event: (event.id,)))

    def on_wire(self, workspace_id: int, events: Sequence[Event]) -> Sequence[dict[str, Any]]:
        """What the apps above know of the events is added by them; see `executions.api.events`."""
        return events_on_wire(events)

    @extend_schema(
        summary="Send one event, or many",
        description=(
            "A person is named by external_id, else by email or phone; an event without a person is one of the"
            " business. Of many, one that can't be used is reported and does not keep the others from being recorded;"
            " a single one is refused with 422. An event whose message_id was received before, in this month or the"
            " last seven days, is a duplicate and counts once."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request=EVENTS_OR_ONE,
        responses=EventsAnswer,
        examples=[
            OpenApiExample("Three events", examples.EVENTS, request_only=True),
            OpenApiExample("A single event", examples.EVENT, request_only=True),
            OpenApiExample("Accepted", examples.ACCEPTED, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        workspace_id = workspace_of(request).pk
        if "events" not in request.data:
            return Response(_answer(1, _accept_one(workspace_id, request.data)))
        given = read_or_refuse(EventsWrite, request.data, detail=NOTHING)
        rows = given.pop("events")
        return Response(_answer(len(rows), accept_events(workspace_id=workspace_id, rows=rows, **given)))


def _accept_one(workspace_id: int, body: Any) -> EventsReport:
    row = {name: value for name, value in body.items() if name != "create_missing"}
    given = {name: value for name, value in body.items() if name == "create_missing"}
    options = read_or_refuse(EventOptions, given, detail=NOTHING)
    report = accept_events(workspace_id=workspace_id, rows=[row], prefix="", **options)
    if report.rejected:
        errors = [FieldError(one.field, one.code, one.message) for one in report.rejected]
        raise Invalid(errors, detail=NOTHING)
    return report


def _answer(received: int, report: EventsReport) -> dict[str, Any]:
    return {
        "status": "success",
        "received": received,
        "accepted": report.accepted,
        "duplicates": report.duplicates,
        "rejected_count": len(report.rejected),
        "rejected": [one.as_wire() for one in report.rejected],
    }
