"""Shapes of the wire around a triggered campaign's activation."""

from typing import Any

from rest_framework import serializers

from campaigns.serializers import CreatedBy
from campaigns.trigger_shape import TriggerField
from common.fields import FlagField, ObjectField, TimeField, WholeField
from common.serializers import Reading, StrictSerializer
from executions.reading.activations import NEEDS_APPROVAL, WORDS
from executions.triggering.request import ActivationRequest


class ActivateBody(StrictSerializer):
    frequency_capping = FlagField(required=False, allow_null=True, help_text="true, unless told otherwise.")
    personalization = ObjectField(required=False, allow_null=True, help_text="Names and values for the template.")
    rate_per_minute = WholeField(
        required=False, allow_null=True, help_text="Messages a minute of each execution, at most."
    )


class DeactivateBody(StrictSerializer):
    drop_waiting = FlagField(
        required=False, allow_null=True, help_text="true, unless told otherwise: who waits for the delay gets nothing."
    )


def activation_request(reading: Reading) -> ActivationRequest:
    """What `ActivateBody` read, errors included."""
    values = {name: value for name, value in reading.values.items() if value is not None}
    return ActivationRequest(
        frequency_capping=values.get("frequency_capping", True),
        personalization=values.get("personalization", {}),
        rate_per_minute=values.get("rate_per_minute"),
        errors=tuple(reading.errors),
    )


class RestsRead(serializers.Serializer[Any]):
    code = serializers.ChoiceField([NEEDS_APPROVAL["code"]])
    message = serializers.CharField()
    hint = serializers.CharField()


class ActivationRead(serializers.Serializer[Any]):
    campaign_id = serializers.IntegerField()
    active = serializers.BooleanField()
    state_reason = RestsRead(allow_null=True, help_text="Why nothing is sent upon its events though it is active.")
    activation_id = serializers.IntegerField(allow_null=True, help_text="null: it was never active.")
    activated_at = TimeField(allow_null=True)
    activated_by = CreatedBy(allow_null=True)
    deactivated_at = TimeField(allow_null=True)
    trigger = TriggerField(allow_null=True, help_text="As it was activated.")
    template_id = serializers.IntegerField(allow_null=True)
    template_version = serializers.IntegerField(allow_null=True)
    frequency_capping = serializers.BooleanField(allow_null=True)
    personalization = serializers.DictField(allow_null=True)
    rate_per_minute = serializers.IntegerField(allow_null=True)
    waiting = serializers.IntegerField(help_text="Events that wait for the delay, or for a worker.")
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text=f"What became of the others: {', '.join(WORDS.values())}."
    )
    url = serializers.CharField()
    admin_url = serializers.CharField()


class ActivationAnswer(ActivationRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
