"""`/api/v1/events` with what each event triggered: events know nothing of campaigns and executions."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.events import examples
from audiences.events.api import EventViewSet
from audiences.events.models import Event
from audiences.events.serializers import EventQuery, EventRead
from audiences.examples import page as page_example
from audiences.serializers import PageRead
from common.fields import TimeField
from common.schema import PAGE_PARAMETERS
from executions.reading.activations import WORDS
from executions.reading.triggered import WAITING, triggered_by
from executions.states import Outcome

_TRIGGERED: dict[str, Any] = {
    "campaign_id": 10003,
    "campaign_name": "Thanks for the order",
    "activation_id": 31,
    "state": "launched",
    "due_at": "2026-11-23T10:00:00Z",
    "execution_id": 50004,
    "outcome": "sent",
    "reason": None,
    "message": None,
    "hint": None,
    "url": "/api/v1/executions/50004",
}


class EventTriggered(serializers.Serializer[Any]):
    campaign_id = serializers.IntegerField()
    campaign_name = serializers.CharField()
    activation_id = serializers.IntegerField()
    state = serializers.ChoiceField([WAITING, *WORDS.values()])
    due_at = TimeField(help_text="The end of the delay.")
    execution_id = serializers.IntegerField(allow_null=True, help_text="Where it is launched.")
    outcome = serializers.ChoiceField(
        [outcome.label for outcome in Outcome], allow_null=True, help_text="null: on its way, or a business event."
    )
    reason = serializers.CharField(allow_null=True, help_text="Of the delivery, or why it was refused.")
    message = serializers.CharField(allow_null=True, help_text="The same in words.")
    hint = serializers.CharField(allow_null=True, help_text="How to mend it.")
    url = serializers.CharField()


class EventWithTriggered(EventRead):
    triggered = EventTriggered(many=True)


class EventWithTriggeredPage(PageRead):
    results = EventWithTriggered(many=True)


class TriggeringEventViewSet(EventViewSet):
    @extend_schema(
        summary="List events, newest first, each with what it triggered",
        description="Per campaign whose trigger it fitted: it waits, was launched, or why not. For 30 days.",
        parameters=[EventQuery, *PAGE_PARAMETERS],
        responses=EventWithTriggeredPage,
        examples=[
            OpenApiExample("Events", page_example({**examples.READ, "triggered": [_TRIGGERED]}), response_only=True)
        ],
    )
    def list(self, request: Request) -> Response:
        return super().list(request)

    def on_wire(self, workspace_id: int, events: Sequence[Event]) -> Sequence[dict[str, Any]]:
        triggered = triggered_by(workspace_id, events)
        rows = super().on_wire(workspace_id, events)
        return [{**row, "triggered": triggered.get(row["event_id"], [])} for row in rows]
