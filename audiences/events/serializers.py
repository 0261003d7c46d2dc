"""Shapes of the wire. What may be in an event is judged event by event in `audiences.events.server_events`."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from audiences.events.content import ID_LENGTH, MAX_BYTES, NAME_LENGTH
from audiences.events.models import EventSource
from audiences.events.server_events import MAX_EVENTS
from audiences.serializers import PageRead, RejectionRead
from common.fields import FlagField, IdField, ItemsField, TextField, TimeField
from common.serializers import StrictSerializer


class EventItem(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LENGTH)
    external_id = serializers.CharField(required=False, help_text="Whose event it is; or email, or phone.")
    email = serializers.CharField(required=False)
    phone = serializers.CharField(required=False)
    app_id = serializers.CharField(required=False)
    at = serializers.DateTimeField(required=False, help_text="When it happened: now, unless told otherwise.")
    message_id = serializers.CharField(required=False, max_length=ID_LENGTH, help_text="The same one counts once.")
    properties = serializers.DictField(required=False, help_text=f"At most {MAX_BYTES:,} bytes as JSON.")


class EventOptions(StrictSerializer):
    create_missing = FlagField(required=False, help_text="false: an event of somebody unknown is refused.")


@extend_schema_field(EventItem(many=True))
class EventsField(ItemsField):
    """Kept as they are: one bad event must not refuse the others."""


class EventsWrite(EventOptions):
    events = EventsField(max_length=MAX_EVENTS, allow_empty=False, help_text=f"Up to {MAX_EVENTS}.")


class EventWrite(EventItem):
    """A single event, without a list around it. For the API's description only."""

    create_missing = serializers.BooleanField(required=False)


EVENTS_OR_ONE = PolymorphicProxySerializer(
    component_name="EventsOrOne", serializers=[EventsWrite, EventWrite], resource_type_field_name=None
)


class EventsAnswer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    received = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectionRead(many=True)


class EventQuery(StrictSerializer):
    name = TextField(required=False, max_length=NAME_LENGTH)
    contact_id = IdField(required=False)
    external_id = TextField(required=False, max_length=ID_LENGTH)


class EventRead(serializers.Serializer[Any]):
    event_id = serializers.IntegerField()
    name = serializers.CharField()
    source = serializers.ChoiceField(EventSource.choices)  # type: ignore[assignment]
    contact_id = serializers.IntegerField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    anonymous_id = serializers.CharField(allow_null=True)
    app_id = serializers.CharField(allow_null=True)
    at = TimeField()
    received_at = TimeField()
    message_id = serializers.CharField()
    properties = serializers.DictField()
    context = serializers.DictField(allow_null=True)  # type: ignore[assignment]


class EventPage(PageRead):
    results = EventRead(many=True)
