"""`/api/v1/templates`: published templates, read only. They are made in the admin; every write answers 405."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.pagination import paginated
from common.schema import PAGE_PARAMETERS
from common.serializers import read_query
from templates_registry import examples
from templates_registry.selectors import get_published_template, published_templates
from templates_registry.serializers import TemplatePage, TemplateQuery, TemplateRead, on_wire, row_on_wire
from workspaces.permissions import workspace_of
from workspaces.roles import Scope


class TemplateViewSet(ViewSet):
    required_scopes = Scope.TEMPLATES_READ

    @extend_schema(
        summary="List published templates",
        parameters=[TemplateQuery, *PAGE_PARAMETERS],
        responses=TemplatePage,
        examples=[OpenApiExample("Templates", examples.PAGE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(TemplateQuery, request.query_params)
        found = published_templates(workspace_id=workspace_of(request).pk)
        if "type" in filters:
            found = found.filter(type=filters["type"])
        if "q" in filters:
            found = found.filter(name__icontains=filters["q"])
        return Response(paginated(request, found, row_on_wire))

    @extend_schema(
        summary="Read a published template",
        responses=TemplateRead,
        examples=[OpenApiExample("A template", examples.TEMPLATE, response_only=True)],
    )
    def retrieve(self, request: Request, template_id: int) -> Response:
        template = get_published_template(template_id=template_id, workspace_id=workspace_of(request).pk)
        return Response(on_wire(template))
