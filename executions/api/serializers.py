"""Shapes of the wire: executions and deliveries as they are read."""

from typing import Any

from rest_framework import serializers

from common.channels import ALIASES, Type
from common.fields import IdField, TextField, WordField
from common.serializers import StrictSerializer
from executions.states import Outcome, State
from executions.timing.models import LocalPast

STATES = sorted({state.on_wire for state in State})
_ALIASES = {word: type.value for word, type in ALIASES.items()}


class ExecutionQuery(StrictSerializer):
    campaign = IdField(required=False, help_text="Of this campaign.")
    state = WordField(STATES, required=False)
    type = WordField(Type.choices, required=False, aliases=_ALIASES)
    tag = TextField(required=False, help_text="Launched with this tag, in any case.")
    schedule = IdField(required=False, help_text="Made by this schedule.")


class DeliveryQuery(StrictSerializer):
    outcome = WordField([outcome.label for outcome in Outcome], required=False)
    reason = TextField(required=False, max_length=40)
    external_id = TextField(required=False, max_length=255)


class Counts(serializers.Serializer[Any]):
    sent = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    unknown = serializers.IntegerField()
    pending = serializers.IntegerField()


class Reasons(serializers.Serializer[Any]):
    skipped = serializers.DictField(child=serializers.IntegerField())
    failed = serializers.DictField(child=serializers.IntegerField())
    pending = serializers.DictField(child=serializers.IntegerField())


class WaitingRead(serializers.Serializer[Any]):
    until = serializers.DateTimeField()
    reason = serializers.CharField(help_text="local_time or quiet_hours.")
    count = serializers.IntegerField()


class BusinessEventRead(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    at = serializers.DateTimeField()
    properties = serializers.DictField()


class TriggerRead(serializers.Serializer[Any]):
    """Of an execution that events made."""

    activation_id = serializers.IntegerField()
    accepts_until = serializers.DateTimeField(
        allow_null=True, help_text="Events of contacts add recipients until then; the execution finishes afterwards."
    )
    occurrence = serializers.IntegerField(
        allow_null=True, help_text="Of those who trigger n times in the hour, it has the n-th."
    )
    event = BusinessEventRead(allow_null=True, help_text="The business event that launched it.")


class ReceiptCounts(serializers.Serializer[Any]):
    delivered = serializers.IntegerField()
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    bounced = serializers.IntegerField()
    complained = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()


class StateReason(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    retry_at = serializers.DateTimeField(allow_null=True)


class Author(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["user", "api_key", "system"])
    name = serializers.CharField()


class AskedTime(serializers.Serializer[Any]):
    at = serializers.CharField(help_text="What the clocks of the zone show.")
    timezone = serializers.CharField(help_text="recipient: each recipient's own.")
    when_past = serializers.ChoiceField(LocalPast.choices, allow_null=True)


class AskedCutOff(serializers.Serializer[Any]):
    at = serializers.CharField(help_text="From then on nobody is sent to.")
    timezone = serializers.CharField(help_text="UTC, or recipient: each recipient's own.")


class ExecutionRead(serializers.Serializer[Any]):
    execution_id = serializers.IntegerField()
    campaign_id = serializers.IntegerField()
    campaign_name = serializers.CharField()
    type = serializers.ChoiceField(Type.choices)
    state = serializers.ChoiceField(STATES)
    state_reason = StateReason(allow_null=True)
    template_id = serializers.IntegerField()
    template_version = serializers.IntegerField()
    audience = serializers.DictField()
    frequency_capping = serializers.BooleanField()
    rate_per_minute = serializers.IntegerField(allow_null=True, help_text="null: as fast as the provider takes.")
    personalization = serializers.DictField()
    trigger = TriggerRead(allow_null=True)
    retry_of = serializers.IntegerField(allow_null=True)
    retried_by = serializers.IntegerField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    counts = Counts()
    reasons = Reasons()
    waiting = WaitingRead(many=True, help_text="For a time by their own clock: the next ten instants.")
    receipts = ReceiptCounts()
    progress = serializers.FloatField(allow_null=True, help_text="null while events may add recipients.")
    rate_per_second = serializers.FloatField()
    eta_seconds = serializers.IntegerField(allow_null=True)
    actions = serializers.ListField(child=serializers.ChoiceField(["pause", "resume", "cancel", "retry-failed"]))
    created_by = Author()
    created_at = serializers.DateTimeField()
    scheduled_for = serializers.DateTimeField(allow_null=True)
    schedule = AskedTime(allow_null=True)
    schedule_id = serializers.IntegerField(allow_null=True, help_text="Of the schedule that made it.")
    cut_off = AskedCutOff(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class ExecutionMoved(ExecutionRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class ExecutionPage(serializers.Serializer[Any]):
    results = ExecutionRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class ReceiptRead(serializers.Serializer[Any]):
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment]  # the wire has a field of this name


class DeliveryRead(serializers.Serializer[Any]):
    delivery_id = serializers.CharField()
    execution_id = serializers.IntegerField()
    campaign_id = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    type = serializers.ChoiceField(Type.choices)
    app_id = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    outcome = serializers.ChoiceField([outcome.label for outcome in Outcome])
    reason = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    template_version = serializers.IntegerField()
    variant = serializers.CharField(allow_null=True)
    attempts = serializers.IntegerField()
    provider = serializers.CharField(allow_null=True)
    provider_message_id = serializers.CharField(allow_null=True)
    provider_response = serializers.CharField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    receipts = ReceiptRead(many=True)


class DeliveryPage(serializers.Serializer[Any]):
    results = DeliveryRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
