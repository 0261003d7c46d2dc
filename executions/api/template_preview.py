"""`POST /api/v1/templates/{id}/preview`: a published template as one contact would get it.

It lives here because it brings templates and contacts together, which do not know each other.
"""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audiences.models import Contact
from common.errors import FieldError
from common.fields import ObjectField, TextField
from common.personalization import RECIPIENT_PERSONALIZATION_LIMIT, personalization_errors
from common.serializers import StrictSerializer, read
from executions.launching.template_preview import preview_template
from templates_registry import examples
from templates_registry.selectors import get_published_template
from workspaces.permissions import workspace_of
from workspaces.roles import Scope


class PreviewWanted(StrictSerializer):
    external_id = TextField(required=False, allow_null=True, help_text="A contact; the template's sample without.")
    personalization = ObjectField(required=False, help_text="Names and values that win over everything else.")


class PreviewProblem(serializers.Serializer[Any]):
    part = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    column = serializers.IntegerField(allow_null=True)
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    level = serializers.ChoiceField(["error", "warn"])


class PreviewAnswer(serializers.Serializer[Any]):
    template_id = serializers.IntegerField()
    template_version = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    content = serializers.DictField(allow_null=True)
    missing_variables = serializers.ListField(child=serializers.CharField())
    problems = PreviewProblem(many=True)


class TemplatePreviewView(APIView):
    required_scopes = Scope.TEMPLATES_READ

    @extend_schema(
        operation_id="templates_preview",
        summary="Preview a template",
        description="Sends nothing and stores nothing. Missing variables show as nothing, and are named.",
        request=PreviewWanted,
        responses=PreviewAnswer,
        examples=[
            OpenApiExample("For a contact", {"external_id": "user-1"}, request_only=True),
            OpenApiExample("Rendered", examples.PREVIEW, response_only=True),
        ],
    )
    def post(self, request: Request, template_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        template = get_published_template(template_id=template_id, workspace_id=workspace_id)
        reading = read(PreviewWanted, request.data)
        given = reading.values.get("personalization", {})
        errors = personalization_errors(given, field="personalization", limit=RECIPIENT_PERSONALIZATION_LIMIT)
        contact, missing = _contact(workspace_id, reading.values.get("external_id"))
        reading.refuse_with([*errors, *missing], detail="Nothing was rendered.")
        return Response(preview_template(template=template, contact=contact, personalization=given))


def _contact(workspace_id: int, external_id: str | None) -> tuple[Contact | None, list[FieldError]]:
    if not external_id:
        return None, []
    found = Contact.objects.filter(workspace_id=workspace_id, external_id=external_id).first()
    if found is None:
        message = "This workspace has no such contact."
        return None, [FieldError("external_id", "not_found", message, external_id[:100])]
    return found, []
