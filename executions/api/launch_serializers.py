"""Shapes of the wire around a launch. What may be in them is judged by `executions.launching.launch`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audiences.audience_definition import SEGMENT_LIMIT, SOURCE_LIMIT
from common.fields import FlagField, ItemsField, ObjectField, TextField, TimeField, WholeField
from common.serializers import Reading, StrictSerializer
from executions.api.schedule_serializers import CutOffField, DryRunSchedule, ScheduleField
from executions.api.serializers import STATES, AskedCutOff, AskedTime
from executions.launching.launch import Launched
from executions.launching.request import LaunchRequest
from executions.states import State
from executions.timing.wire import asked_cut_off, asked_time

_SOURCE = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {"type": {"enum": ["list", "segment", "upload"]}, "id": {"type": ["integer", "string"]}},
}
_EXCLUDE = {
    "type": "array",
    "maxItems": SOURCE_LIMIT,
    "items": _SOURCE,
    "description": f"Whom to leave out; at most {SEGMENT_LIMIT} of them segments.",
}
_RECIPIENT = {
    "type": "object",
    "description": "Named by external_id, or by email or phone; attributes update the contact.",
    "properties": {
        "external_id": {"type": "string"},
        "email": {"type": "string"},
        "phone": {"type": "string"},
        "attributes": {"type": "object"},
        "personalization": {"type": "object", "description": "For this launch; never stored on the contact."},
    },
}
AUDIENCE_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "required": ["type", "id"],
            "properties": {**_SOURCE["properties"], "exclude": _EXCLUDE},  # type: ignore[dict-item]
        },
        {"type": "object", "required": ["type"], "properties": {"type": {"const": "all"}, "exclude": _EXCLUDE}},
        {
            "type": "object",
            "required": ["type", "sources"],
            "properties": {
                "type": {"const": "any_of"},
                "sources": {"type": "array", "minItems": 1, "maxItems": SOURCE_LIMIT, "items": _SOURCE},
                "exclude": _EXCLUDE,
            },
        },
        {
            "type": "object",
            "required": ["type", "contacts"],
            "properties": {
                "type": {"const": "contacts"},
                "create_missing": {"type": "boolean", "default": True},
                "contacts": {"type": "array", "minItems": 1, "maxItems": 10_000, "items": _RECIPIENT},
                "exclude": _EXCLUDE,
            },
        },
    ]
}


@extend_schema_field(AUDIENCE_SCHEMA)
class AudienceField(serializers.Field[Any, Any, Any, Any]):
    """Taken as it is: `audiences.audience_definition` reads it."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class ExecuteBody(StrictSerializer):
    audience = AudienceField(required=False, allow_null=True)
    frequency_capping = FlagField(required=False, allow_null=True, help_text="true, unless told otherwise.")
    personalization = ObjectField(required=False, allow_null=True, help_text="Names and values for the template.")
    scheduled_for = TimeField(required=False, allow_null=True, help_text="When to start; at once without.")
    schedule = ScheduleField(required=False, allow_null=True, help_text="When to start, by a clock on a wall.")
    cut_off = CutOffField(required=False, allow_null=True, help_text="From when on nobody is sent to any more.")
    rate_per_minute = WholeField(
        required=False, allow_null=True, help_text="Messages a minute, at most; as fast as the provider takes without."
    )
    strict = FlagField(required=False, allow_null=True, help_text="Refuse the launch if any recipient is unusable.")
    dry_run = FlagField(required=False, allow_null=True, help_text="Tell what would happen; write nothing.")


def launch_request(reading: Reading) -> LaunchRequest:
    """What `ExecuteBody` read, errors included: the launch reports them with its own."""
    values = {name: value for name, value in reading.values.items() if value is not None}
    return LaunchRequest(
        audience=values.get("audience"),
        frequency_capping=values.get("frequency_capping", True),
        personalization=values.get("personalization", {}),
        scheduled_for=values.get("scheduled_for"),
        schedule=values.get("schedule"),
        cut_off=values.get("cut_off"),
        rate_per_minute=values.get("rate_per_minute"),
        strict=values.get("strict", False),
        errors=tuple(reading.errors),
    )


class RejectedRecipient(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ExecutedAudience(serializers.Serializer[Any]):
    size = serializers.IntegerField(allow_null=True, help_text="null until the audience is planned.")
    accepted = serializers.IntegerField(allow_null=True, help_text="Of inline contacts; null for other audiences.")
    duplicates = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectedRecipient(many=True)


class Executed(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
    campaign_id = serializers.IntegerField()
    execution_id = serializers.IntegerField()
    state = serializers.ChoiceField(STATES, help_text="planning, scheduled or awaiting_approval.")
    scheduled_for = serializers.DateTimeField(allow_null=True)
    schedule = AskedTime(allow_null=True)
    cut_off = AskedCutOff(allow_null=True)
    audience = ExecutedAudience()
    url = serializers.CharField()
    admin_url = serializers.CharField()


class DryRunAudience(serializers.Serializer[Any]):
    contacts = serializers.IntegerField()
    size = serializers.IntegerField()
    excluded = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="How often the sources name somebody again.")
    rejected_count = serializers.IntegerField()
    rejected = RejectedRecipient(many=True)


class MissingVariableCount(serializers.Serializer[Any]):
    name = serializers.CharField()
    count = serializers.IntegerField()


class CapEffect(serializers.Serializer[Any]):
    rule_id = serializers.IntegerField()
    rule = serializers.CharField()
    count = serializers.IntegerField()


class RenderedSample(serializers.Serializer[Any]):
    external_id = serializers.CharField(allow_null=True)
    address = serializers.CharField()
    content = serializers.DictField()


class LaunchProblem(serializers.Serializer[Any]):
    level = serializers.ChoiceField(["warn", "error"])
    code = serializers.CharField()
    message = serializers.CharField()


class DryRun(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    dry_run = serializers.BooleanField()
    campaign_id = serializers.IntegerField()
    template_id = serializers.IntegerField()
    template_version = serializers.IntegerField()
    exact = serializers.BooleanField()
    computed_at = serializers.DateTimeField()
    audience = DryRunAudience()
    would_send = serializers.IntegerField()
    waiting = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Of would_send: who waits for their local_time, or for the end of their quiet_hours.",
    )
    schedule = DryRunSchedule(allow_null=True)
    cut_off = AskedCutOff(allow_null=True)
    skipped = serializers.DictField(child=serializers.IntegerField())
    missing_variables = MissingVariableCount(many=True)
    frequency_caps = CapEffect(many=True)
    samples = RenderedSample(many=True)
    problems = LaunchProblem(many=True)


class TrialBody(StrictSerializer):
    addresses = ItemsField(
        child=TextField(), required=False, max_length=1000, help_text="1 to 10: emails, phone numbers or device tokens."
    )
    app_id = TextField(
        required=False, allow_null=True, help_text="Whose device tokens they are: the campaign's first app without."
    )
    external_id = TextField(required=False, allow_null=True, help_text="Whose attributes to render with.")
    personalization = ObjectField(required=False, allow_null=True, help_text="As at a launch.")


class TrialResult(serializers.Serializer[Any]):
    address = serializers.CharField()
    ok = serializers.BooleanField()
    message = serializers.CharField(help_text="What the provider said.")


class TrialSent(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
    campaign_id = serializers.IntegerField()
    results = TrialResult(many=True)


_MESSAGES = {State.AWAITING_APPROVAL: "Campaign accepted; it waits for approval"}


def executed_wire(launched: Launched) -> dict[str, Any]:
    execution, report = launched.execution, launched.report
    return {
        "status": "success",
        "message": _MESSAGES.get(State(execution.state), "Campaign accepted for delivery"),
        "campaign_id": execution.campaign_id,
        "execution_id": execution.pk,
        "state": execution.state,
        "scheduled_for": execution.scheduled_for,
        "schedule": asked_time(execution),
        "cut_off": asked_cut_off(execution),
        "audience": {
            "size": execution.size,
            "accepted": report.accepted if execution.audience["type"] == "contacts" else None,
            "duplicates": report.duplicates,
            "rejected_count": len(report.rejected),
            "rejected": report.rejected,
        },
        "url": f"/api/v1/executions/{execution.pk}",
        "admin_url": f"/admin/executions/execution/{execution.pk}/live/",
    }
