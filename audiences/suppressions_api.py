"""`/api/v1/suppressions`: values that are never sent to."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences import examples
from audiences.presenting import suppression_on_wire
from audiences.selectors import suppressions_of
from audiences.serializers import SuppressAnswer, SuppressionPage, SuppressionQuery, SuppressionsWrite
from audiences.suppressions import add_suppressions, remove_suppression
from common.idempotency import idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read_or_refuse, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class SuppressionViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CONTACTS_READ,
        "create": Scope.CONTACTS_WRITE,
        "destroy": Scope.CONTACTS_WRITE,
    }

    @extend_schema(
        summary="List suppressions, newest first",
        parameters=[SuppressionQuery, *PAGE_PARAMETERS],
        responses=SuppressionPage,
        examples=[OpenApiExample("Suppressions", examples.page(examples.SUPPRESSION), response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(SuppressionQuery, request.query_params)
        found = suppressions_of(workspace_id=workspace_of(request).pk, **filters)
        return Response(paginated(request, found, suppression_on_wire))

    @extend_schema(
        summary="Suppress addresses",
        description="Holds from the next chunk of every execution on. One that exists stays as it is.",
        parameters=[IDEMPOTENCY_KEY],
        request=SuppressionsWrite,
        responses=SuppressAnswer,
        examples=[
            OpenApiExample("One address", examples.SUPPRESS, request_only=True),
            OpenApiExample("Suppressed", examples.SUPPRESSED, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        rows = read_or_refuse(SuppressionsWrite, request.data)["suppressions"]
        report = add_suppressions(workspace_id=workspace_of(request).pk, rows=rows, actor=actor_of(request))
        return Response(
            {
                "status": "success",
                "received": len(rows),
                "created": report.created,
                "unchanged": report.unchanged,
                "rejected_count": len(report.rejected),
                "rejected": [one.as_wire() for one in report.rejected],
            }
        )

    @extend_schema(summary="Remove a suppression", responses={204: None})
    def destroy(self, request: Request, suppression_id: int) -> Response:
        remove_suppression(
            suppression_id=suppression_id, workspace_id=workspace_of(request).pk, actor=actor_of(request)
        )
        return Response(status=204)
