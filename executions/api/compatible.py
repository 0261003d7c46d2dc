"""`POST /campaign/create` and `/campaign/execute`: existing integrations change only the host."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audiences.audience_definition import read_id
from campaigns.models import Campaign
from campaigns.serializers import CampaignWrite
from campaigns.services import campaign_errors, create_campaign
from common.errors import FieldError, Invalid
from common.fields import BIGINT
from common.idempotency import idempotent
from common.problems import exception_handler
from common.schema import IDEMPOTENCY_KEY
from common.serializers import read
from executions.api import examples
from executions.api.compatible_names import native_create, native_execute, renamed, type_error
from executions.enqueue import enqueue_next
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class CompatibleCreate(serializers.Serializer[Any]):
    type = serializers.CharField(help_text="apn, or any type of ours.")
    app_ids = serializers.ListField(child=serializers.CharField(), required=False, help_text="Or app_id, a string.")
    name = serializers.CharField(required=False)
    template_id = serializers.CharField(help_text="A number or its digits.")
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class CompatibleCreated(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
    campaign_id = serializers.IntegerField()


class CompatibleExecute(serializers.Serializer[Any]):
    type = serializers.CharField(required=False)
    campaign_id = serializers.CharField()
    data_source = serializers.CharField(help_text="list, segment, upload or all.")
    list_id = serializers.CharField(
        required=False, help_text="The source's id: list_id(s), segment_id(s), upload_id(s) or data_source_id."
    )
    frequency_capping = serializers.CharField(required=False, help_text="true/false, on/off, yes/no or 1/0.")
    personalization = serializers.DictField(required=False)


class CompatibleExecuted(CompatibleCreated):
    execution_id = serializers.IntegerField()


class _CompatibleView(APIView):
    """Answers problems in the shape that the integrations know."""

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return _explain


class CreateView(_CompatibleView):
    required_scopes = Scope.CAMPAIGNS_WRITE

    @extend_schema(
        operation_id="compatible_create",
        summary="Create a campaign (compatible)",
        description="Unknown fields are ignored. Nothing is launched.",
        parameters=[IDEMPOTENCY_KEY],
        request=CompatibleCreate,
        responses=CompatibleCreated,
        examples=[
            OpenApiExample("A push campaign", examples.COMPATIBLE_CREATE, request_only=True),
            OpenApiExample("Created", examples.COMPATIBLE_CREATED, response_only=True),
        ],
        tags=["campaign"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        workspace_id = workspace_of(request).pk
        given: Any = request.data
        body = native_create(given)
        reading = read(CampaignWrite, body)
        errors = list(reading.errors)
        if body.get("template_id") is None:
            errors.append(FieldError("template_id", "required", "Give the id of a published template."))
        if errors:
            unread = {error.field.partition("[")[0] for error in errors}
            found = campaign_errors(workspace_id=workspace_id, **reading.values)
            errors += [error for error in found if error.field.partition("[")[0] not in unread]
            raise Invalid(errors)
        campaign = create_campaign(workspace_id=workspace_id, actor=actor_of(request), **reading.values)
        return Response({"status": "success", "message": "Campaign created successfully", "campaign_id": campaign.pk})


class CompatibleExecuteView(_CompatibleView):
    required_scopes = Scope.EXECUTIONS_LAUNCH

    @extend_schema(
        operation_id="compatible_execute",
        summary="Execute a campaign (compatible)",
        description="Unknown fields are ignored.",
        parameters=[IDEMPOTENCY_KEY],
        request=CompatibleExecute,
        responses=CompatibleExecuted,
        examples=[
            OpenApiExample("To a list", examples.COMPATIBLE_EXECUTE, request_only=True),
            OpenApiExample("Executed", examples.COMPATIBLE_EXECUTED, response_only=True),
        ],
        tags=["campaign"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given: Any = request.data
        native = native_execute(given)
        campaign = _campaign(workspace_of(request).pk, given.get("campaign_id"), native.errors)
        wrong_type = type_error(given.get("type"), campaign.type)
        try:
            launched = launch(
                campaign=campaign,
                request=LaunchRequest(
                    audience=native.audience,
                    frequency_capping=native.frequency_capping,
                    personalization=native.personalization,
                    errors=(*native.errors, *([wrong_type] if wrong_type else [])),
                ),
                actor=actor_of(request),
            )
        except Invalid as error:
            raise _renamed(error, native.names, known=native.audience is not None) from None
        execution = launched.execution
        transaction.on_commit(lambda: enqueue_next(execution.pk, execution.state), robust=True)
        return Response(
            {
                "status": "success",
                "message": "Campaign executed successfully",
                "campaign_id": campaign.pk,
                "execution_id": execution.pk,
            }
        )


def _campaign(workspace_id: int, given: Any, errors: tuple[FieldError, ...]) -> Campaign:
    """Here the campaign's id is a field of the body: absent and foreign alike are a field's error."""
    number = read_id(given)
    if given is None:
        raise Invalid([FieldError("campaign_id", "required", "Give the id that create answered."), *errors])
    if number is None:
        raise Invalid([FieldError("campaign_id", "wrong_type", "An id is a number, or its digits."), *errors])
    found = Campaign.objects.filter(workspace_id=workspace_id, pk=number).first() if 0 < number <= BIGINT else None
    if found is None:
        raise Invalid([FieldError("campaign_id", "not_found", "This workspace has no such campaign.", given), *errors])
    return found


def _renamed(invalid: Invalid, names: Mapping[str, str], *, known: bool) -> Invalid:
    """Where the data source could not be read, that was said already."""
    errors = [renamed(error, names) for error in invalid.errors if known or error.field != "audience"]
    made = Invalid(errors, detail=invalid.detail)
    made.code = invalid.code
    return made


def _explain(exc: Exception, context: dict[str, Any]) -> Response:
    """The native answer's status and headers, with a body in this wire's words."""
    answer = exception_handler(exc, context)
    problem: Any = answer.data
    headers = {name: value for name, value in answer.items() if name.lower() != "content-type"}
    return Response(
        {
            "status": "error",
            "message": _message(problem),
            "code": problem["code"],
            "errors": problem.get("errors", []),
        },
        status=answer.status_code,
        headers=headers,
        content_type="application/json",
    )


def _message(problem: Mapping[str, Any]) -> str:
    if errors := problem.get("errors"):
        return " ".join(f"{each['field']}: {each['message']}" for each in errors)
    return str(problem["detail"] or problem["title"])
