"""`/api/v1/segments`: rules over attributes, events, lists and past campaigns."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from audiences.models import Segment
from audiences.presenting import contacts_on_wire
from audiences.segments import examples
from audiences.segments.node_schemas import RULE_SCHEMA
from audiences.segments.presenting import segment_on_wire
from audiences.segments.selectors import count_segment, get_segment, preview_segment, segments_of
from audiences.segments.serializers import (
    SegmentAnswer,
    SegmentChange,
    SegmentCount,
    SegmentCounting,
    SegmentPage,
    SegmentPreview,
    SegmentQuery,
    SegmentRead,
    SegmentTry,
    SegmentWrite,
)
from audiences.segments.services import (
    create_segment,
    delete_segment,
    filled_rule,
    fit_rule,
    judged_rule,
    update_segment,
)
from common.idempotency import idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_or_refuse, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class SegmentViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CONTACTS_READ,
        "retrieve": Scope.CONTACTS_READ,
        "count": Scope.CONTACTS_READ,
        "count_at_event": Scope.CONTACTS_READ,
        "preview": Scope.CONTACTS_READ,
        "create": Scope.CONTACTS_WRITE,
        "partial_update": Scope.CONTACTS_WRITE,
        "destroy": Scope.CONTACTS_WRITE,
    }

    @extend_schema(
        summary="List segments, newest first",
        parameters=[SegmentQuery, *PAGE_PARAMETERS],
        responses=SegmentPage,
        examples=[
            OpenApiExample(
                "Segments", {"results": [examples.SEGMENT], "next": None, "previous": None}, response_only=True
            )
        ],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(SegmentQuery, request.query_params)
        found = segments_of(workspace_id=workspace_of(request).pk, q=filters.get("q"))
        return Response(paginated(request, found, segment_on_wire))

    @extend_schema(
        summary="Create a segment",
        description="The rule's language: the JSON Schema at /api/schema/segment-rule, and the user guide.",
        parameters=[IDEMPOTENCY_KEY],
        request=SegmentWrite,
        responses=SegmentAnswer,
        examples=[
            OpenApiExample("Lapsed pros", {"name": "Lapsed pros", "rule": examples.RULE}, request_only=True),
            OpenApiExample(
                "Created",
                {"status": "success", "message": "Segment created successfully", **examples.SEGMENT},
                response_only=True,
            ),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        workspace_id = workspace_of(request).pk
        reading = read(SegmentWrite, request.data)
        rule = reading.values.get("rule")
        found = [] if rule is None else judged_rule(workspace_id=workspace_id, rule=rule).errors
        reading.refuse_with(found, detail="Nothing was created.")
        made = create_segment(workspace_id=workspace_id, actor=actor_of(request), **reading.values)
        return _answer("Segment created successfully", made)

    @extend_schema(
        summary="Read a segment",
        description="How many fit it now: GET /api/v1/segments/{segment_id}/count.",
        responses=SegmentRead,
        examples=[OpenApiExample("A segment", examples.SEGMENT, response_only=True)],
    )
    def retrieve(self, request: Request, segment_id: int) -> Response:
        return Response(segment_on_wire(get_segment(segment_id=segment_id, workspace_id=workspace_of(request).pk)))

    @extend_schema(
        summary="Change a segment",
        description="An execution that was launched keeps the rule that it was launched with.",
        request=SegmentChange,
        responses=SegmentAnswer,
        examples=[
            OpenApiExample("Another name", {"name": "Lapsed pro customers"}, request_only=True),
            OpenApiExample(
                "Changed",
                {"status": "success", "message": "Segment changed successfully", **examples.SEGMENT},
                response_only=True,
            ),
        ],
    )
    def partial_update(self, request: Request, segment_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        get_segment(segment_id=segment_id, workspace_id=workspace_id)
        reading = read(SegmentChange, request.data)
        rule = reading.values.get("rule")
        reading.refuse_with([] if rule is None else judged_rule(workspace_id=workspace_id, rule=rule).errors)
        changed = update_segment(
            segment_id=segment_id, workspace_id=workspace_id, actor=actor_of(request), **reading.values
        )
        return _answer("Segment changed successfully", changed)

    @extend_schema(
        summary="Delete a segment",
        description="Refused with 409 `in_use` while it is the audience of an execution that is not over.",
        responses={204: None},
    )
    def destroy(self, request: Request, segment_id: int) -> Response:
        delete_segment(segment_id=segment_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
        return Response(status=204)

    @extend_schema(
        summary="Count who fits a segment now",
        description="A rule that refers to a business event is counted for an example of one: POST it.",
        responses=SegmentCount,
        examples=[OpenApiExample("A count", examples.COUNT, response_only=True)],
    )
    def count(self, request: Request, segment_id: int) -> Response:
        return _count(request, segment_id, event=None)

    @extend_schema(
        summary="Count who would fit a segment at an event",
        description="For a rule that refers to the properties of a business event. Stores nothing.",
        request=SegmentCounting,
        responses=SegmentCount,
        examples=[
            OpenApiExample("An event", {"event": {"sku": "A-1"}}, request_only=True),
            OpenApiExample("A count", examples.COUNT, response_only=True),
        ],
    )
    def count_at_event(self, request: Request, segment_id: int) -> Response:
        get_segment(segment_id=segment_id, workspace_id=workspace_of(request).pk)
        given = read_or_refuse(SegmentCounting, request.data, detail="Nothing was counted.")
        return _count(request, segment_id, event=given.get("event"))

    @extend_schema(
        summary="Try a rule",
        description="Counts who fits it now and shows up to ten of them. Stores nothing.",
        request=SegmentTry,
        responses=SegmentPreview,
        examples=[
            OpenApiExample("A rule", {"rule": examples.RULE}, request_only=True),
            OpenApiExample(
                "One for a business event", {"rule": examples.WATCHERS, "event": {"sku": "A-1"}}, request_only=True
            ),
            OpenApiExample("Who fits", examples.PREVIEW, response_only=True),
        ],
    )
    def preview(self, request: Request) -> Response:
        workspace_id = workspace_of(request).pk
        given = read_or_refuse(SegmentTry, request.data, detail="Nothing was counted.")
        rule = fit_rule(workspace_id=workspace_id, rule=given["rule"], event=given.get("event"))
        seen = preview_segment(workspace_id=workspace_id, rule=rule)
        return Response(
            {
                "status": "success",
                "count": seen.count,
                "sample": contacts_on_wire(seen.sample),
                "computed_at": seen.computed_at,
            }
        )


class RuleSchemaView(APIView):
    """Of the language alone, so for everybody."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(RULE_SCHEMA, content_type="application/schema+json")


def _count(request: Request, segment_id: int, *, event: Mapping[str, Any] | None) -> Response:
    workspace_id = workspace_of(request).pk
    found = get_segment(segment_id=segment_id, workspace_id=workspace_id)
    counted = count_segment(workspace_id=workspace_id, rule=filled_rule(rule=found.rule, event=event))
    return Response({"segment_id": found.pk, "count": counted.count, "computed_at": counted.computed_at})


def _answer(message: str, found: Segment) -> Response:
    return Response({"status": "success", "message": message, **segment_on_wire(found)})
