"""`/api/v1/frequency-caps`: how many messages a contact may get, of what, in what time."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.channels import ALIASES, Type
from common.fields import TextField, WholeField, WordField, refuse
from common.idempotency import idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import NoFields, StrictSerializer, read, read_query
from executions.cap_words import short_window
from executions.caps.rules import (
    MOST,
    cap_errors,
    caps_of,
    create_cap,
    delete_cap,
    fields_of,
    get_cap,
    update_cap,
)
from executions.models import FrequencyCap
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_ALIASES = {word: type.value for word, type in ALIASES.items()}


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}], "examples": ["24h", 86400]})
class WindowField(serializers.Field[Any, Any, Any, Any]):
    """Seconds, or words; what they must be is in `executions.caps.rules`."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, int | str):
            refuse("wrong_type", "This is a length of time.", hint="Seconds, or words such as 90m, 24h or 7d.")
        return data


class CapWrite(StrictSerializer):
    type = WordField(Type.choices, aliases=_ALIASES, required=False, allow_null=True, help_text="null: any type.")
    tag = TextField(required=False, allow_null=True, allow_blank=True, help_text="null: any tag.")
    max = WholeField(help_text=f"1 to {MOST} messages to one contact …")
    window = WindowField(help_text="… in any time this long, a minute to 30 days: seconds, or 90m, 24h, 7d.")


class CapChange(CapWrite):
    max = WholeField(required=False)
    window = WindowField(required=False)


class CapRead(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    type = serializers.ChoiceField(Type.choices, allow_null=True)
    tag = serializers.CharField(allow_null=True)
    max = serializers.IntegerField()
    window = serializers.CharField()
    window_seconds = serializers.IntegerField()
    rule = serializers.CharField(help_text="The rule in words, as dry runs and deliveries name it.")
    created_at = serializers.DateTimeField()
    created_by = serializers.DictField(child=serializers.CharField())


class CapAnswer(CapRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class CapPage(serializers.Serializer[Any]):
    results = CapRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


_CAP = {
    "id": 1,
    "type": "email",
    "tag": None,
    "max": 2,
    "window": "24h",
    "window_seconds": 86400,
    "rule": "2 email in 24 h",
    "created_at": "2026-11-23T10:00:00Z",
    "created_by": {"kind": "api_key", "name": "demo"},
}
_ANSWER = {"status": "success", "message": "Frequency cap created successfully", **_CAP}


class FrequencyCapViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CAPS_READ,
        "retrieve": Scope.CAPS_READ,
        "create": Scope.CAPS_WRITE,
        "partial_update": Scope.CAPS_WRITE,
        "destroy": Scope.CAPS_WRITE,
    }

    @extend_schema(
        summary="List frequency caps",
        parameters=PAGE_PARAMETERS,
        responses=CapPage,
        examples=[
            OpenApiExample("Caps", {"results": [_CAP], "next": None, "previous": None}, response_only=True),
        ],
    )
    def list(self, request: Request) -> Response:
        read_query(NoFields, request.query_params)
        return Response(paginated(request, caps_of(workspace_id=workspace_of(request).pk), on_wire))

    @extend_schema(
        summary="Create a frequency cap",
        description="Windows slide; where several caps apply, the strictest wins.",
        parameters=[IDEMPOTENCY_KEY],
        request=CapWrite,
        responses={200: CapAnswer},
        examples=[
            OpenApiExample("Two emails a day", {"type": "email", "max": 2, "window": "24h"}, request_only=True),
            OpenApiExample("Created", _ANSWER, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        reading = read(CapWrite, request.data)
        if reading.errors:
            reading.refuse_with(cap_errors(reading.values), detail="Nothing was created.")
        cap = create_cap(workspace_id=workspace_of(request).pk, actor=actor_of(request), **reading.values)
        return _answer("Frequency cap created successfully", cap)

    @extend_schema(
        summary="Read a frequency cap",
        responses=CapRead,
        examples=[OpenApiExample("A cap", _CAP, response_only=True)],
    )
    def retrieve(self, request: Request, cap_id: int) -> Response:
        return Response(on_wire(get_cap(cap_id=cap_id, workspace_id=workspace_of(request).pk)))

    @extend_schema(
        summary="Change a frequency cap",
        request=CapChange,
        responses={200: CapAnswer},
        examples=[
            OpenApiExample("Three instead", {"max": 3}, request_only=True),
            OpenApiExample(
                "Changed",
                {**_ANSWER, "message": "Frequency cap changed successfully", "max": 3, "rule": "3 email in 24 h"},
                response_only=True,
            ),
        ],
    )
    def partial_update(self, request: Request, cap_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        before = fields_of(get_cap(cap_id=cap_id, workspace_id=workspace_id))
        reading = read(CapChange, request.data)
        if reading.errors:
            reading.refuse_with(cap_errors({**before, **reading.values}))
        cap = update_cap(cap_id=cap_id, workspace_id=workspace_id, actor=actor_of(request), **reading.values)
        return _answer("Frequency cap changed successfully", cap)

    @extend_schema(summary="Delete a frequency cap", responses={204: None})
    def destroy(self, request: Request, cap_id: int) -> Response:
        delete_cap(cap_id=cap_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
        return Response(status=204)


def on_wire(cap: FrequencyCap) -> dict[str, Any]:
    return {
        "id": cap.pk,
        "type": cap.type or None,
        "tag": cap.tag or None,
        "max": cap.max,
        "window": short_window(cap.window_seconds),
        "window_seconds": cap.window_seconds,
        "rule": str(cap),
        "created_at": cap.created_at,
        "created_by": cap.created_by,
    }


def _answer(message: str, cap: FrequencyCap) -> Response:
    return Response({"status": "success", "message": message, **on_wire(cap)})
