"""`/api/v1/quiet-hours`: when marketing rests, by each recipient's own clock."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.channels import ALIASES, Type
from common.fields import ItemsField, TextField, WordField
from common.idempotency import idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import NoFields, StrictSerializer, read, read_query
from executions.models import QuietHours, QuietPolicy
from executions.quiet_hours.rules import (
    create_quiet_hours,
    delete_quiet_hours,
    fields_of,
    get_quiet_hours,
    quiet_errors,
    quiet_hours_of,
    update_quiet_hours,
)
from executions.quiet_hours.words import DAY_NAMES
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_ALIASES = {word: type.value for word, type in ALIASES.items()}
_DAYS = [(name, name.title()) for name in DAY_NAMES]
_SHORT_DAYS = {name[:3]: name for name in DAY_NAMES}


class QuietHoursWrite(StrictSerializer):
    type = WordField(Type.choices, aliases=_ALIASES, required=False, allow_null=True, help_text="null: any type.")
    starts = TextField(help_text="On the recipient's clock: 22:00.")
    ends = TextField(help_text="The first minute after them: 08:00. Smaller than starts: on the day after.")
    days = ItemsField(
        child=WordField(_DAYS, aliases=_SHORT_DAYS),
        required=False,
        allow_null=True,
        max_length=len(DAY_NAMES),
        help_text="On which they begin; null: every day.",
    )
    policy = WordField(
        QuietPolicy.choices,
        required=False,
        help_text="hold (the default): they wait until the quiet hours are over; skip: they are left out.",
    )


class QuietHoursChange(QuietHoursWrite):
    starts = TextField(required=False)
    ends = TextField(required=False)


class QuietHoursRead(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    type = serializers.ChoiceField(Type.choices, allow_null=True)
    starts = serializers.CharField()
    ends = serializers.CharField()
    days = serializers.ListField(child=serializers.ChoiceField(_DAYS))
    policy = serializers.ChoiceField(QuietPolicy.choices)
    rule = serializers.CharField(help_text="The rule in words, as deliveries name it.")
    created_at = serializers.DateTimeField()
    created_by = serializers.DictField(child=serializers.CharField())


class QuietHoursAnswer(QuietHoursRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class QuietHoursPage(serializers.Serializer[Any]):
    results = QuietHoursRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


_QUIET = {
    "id": 1,
    "type": "push",
    "starts": "22:00",
    "ends": "08:00",
    "days": list(DAY_NAMES),
    "policy": "hold",
    "rule": "hold push 22:00 to 08:00",
    "created_at": "2026-11-23T10:00:00Z",
    "created_by": {"kind": "api_key", "name": "demo"},
}
_ANSWER = {"status": "success", "message": "Quiet hours created successfully", **_QUIET}


class QuietHoursViewSet(ViewSet):
    required_scopes = {
        "list": Scope.QUIET_HOURS_READ,
        "retrieve": Scope.QUIET_HOURS_READ,
        "create": Scope.QUIET_HOURS_WRITE,
        "partial_update": Scope.QUIET_HOURS_WRITE,
        "destroy": Scope.QUIET_HOURS_WRITE,
    }

    @extend_schema(
        summary="List quiet hours",
        parameters=PAGE_PARAMETERS,
        responses=QuietHoursPage,
        examples=[
            OpenApiExample("Quiet hours", {"results": [_QUIET], "next": None, "previous": None}, response_only=True)
        ],
    )
    def list(self, request: Request) -> Response:
        read_query(NoFields, request.query_params)
        return Response(paginated(request, quiet_hours_of(workspace_id=workspace_of(request).pk), on_wire))

    @extend_schema(
        summary="Create quiet hours",
        description="By the clock of each recipient's time zone, or of the workspace's where theirs is not known."
        " Transactional campaigns are exempt. Where several apply, all of them do.",
        parameters=[IDEMPOTENCY_KEY],
        request=QuietHoursWrite,
        responses={200: QuietHoursAnswer},
        examples=[
            OpenApiExample("No push at night", {"type": "push", "starts": "22:00", "ends": "08:00"}, request_only=True),
            OpenApiExample("Created", _ANSWER, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        reading = read(QuietHoursWrite, request.data)
        if reading.errors:
            reading.refuse_with(quiet_errors(reading.values), detail="Nothing was created.")
        made = create_quiet_hours(workspace_id=workspace_of(request).pk, actor=actor_of(request), **reading.values)
        return _answer("Quiet hours created successfully", made)

    @extend_schema(
        summary="Read quiet hours",
        responses=QuietHoursRead,
        examples=[OpenApiExample("Quiet hours", _QUIET, response_only=True)],
    )
    def retrieve(self, request: Request, quiet_id: int) -> Response:
        return Response(on_wire(get_quiet_hours(quiet_id=quiet_id, workspace_id=workspace_of(request).pk)))

    @extend_schema(
        summary="Change quiet hours",
        description="Holds for what is sent from now on; who waits for the end of quiet hours is judged anew.",
        request=QuietHoursChange,
        responses={200: QuietHoursAnswer},
        examples=[
            OpenApiExample("Half an hour longer", {"ends": "08:30"}, request_only=True),
            OpenApiExample(
                "Changed",
                {
                    **_ANSWER,
                    "message": "Quiet hours changed successfully",
                    "ends": "08:30",
                    "rule": "hold push 22:00 to 08:30",
                },
                response_only=True,
            ),
        ],
    )
    def partial_update(self, request: Request, quiet_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        before = fields_of(get_quiet_hours(quiet_id=quiet_id, workspace_id=workspace_id))
        reading = read(QuietHoursChange, request.data)
        if reading.errors:
            reading.refuse_with(quiet_errors({**before, **reading.values}))
        changed = update_quiet_hours(
            quiet_id=quiet_id, workspace_id=workspace_id, actor=actor_of(request), **reading.values
        )
        return _answer("Quiet hours changed successfully", changed)

    @extend_schema(summary="Delete quiet hours", responses={204: None})
    def destroy(self, request: Request, quiet_id: int) -> Response:
        delete_quiet_hours(quiet_id=quiet_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
        return Response(status=204)


def on_wire(found: QuietHours) -> dict[str, Any]:
    return {
        "id": found.pk,
        **fields_of(found),
        "rule": str(found),
        "created_at": found.created_at,
        "created_by": found.created_by,
    }


def _answer(message: str, found: QuietHours) -> Response:
    return Response({"status": "success", "message": message, **on_wire(found)})
