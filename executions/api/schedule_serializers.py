"""Shapes of the wire: when a launch is, and schedules. What may be in them is judged by `executions.timing`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.fields import IdField, WordField
from common.serializers import StrictSerializer
from executions.api.serializers import AskedTime, Author
from executions.models import ScheduleState
from executions.timing.cut_off import LEAST_SECONDS, MOST_SECONDS
from executions.timing.models import LocalPast
from executions.timing.repeating import MOST_EXCEPTIONS
from executions.timing.rrule_text import LONGEST, MOST_RUNS

_WALL = {"type": "string", "examples": ["2026-12-24T10:00"]}
SCHEDULE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["at"],
    "additionalProperties": False,
    "properties": {
        "at": {**_WALL, "description": "What the clocks of the time zone show; of the first run, where it recurs."},
        "timezone": {
            "type": "string",
            "examples": ["Europe/Berlin", "recipient"],
            "description": "An IANA name, or recipient for each recipient's own. The workspace's without.",
        },
        "when_past": {
            "enum": LocalPast.values,
            "description": "With recipient: what becomes of those whose time is past already.",
        },
        "rrule": {
            "type": "string",
            "maxLength": LONGEST,
            "examples": ["FREQ=WEEKLY;BYDAY=MO,TH"],
            "description": "RFC 5545. Makes a schedule whose every run is an execution of its own.",
        },
        "until": {"type": "string", "examples": ["2027-06-30"], "description": "No run after it."},
        "count": {"type": "integer", "minimum": 1, "maximum": MOST_RUNS},
        "exceptions": {
            "type": "array",
            "maxItems": MOST_EXCEPTIONS,
            "items": {"type": "string"},
            "examples": [["2026-12-28"]],
            "description": "Days, or days and times, without a run.",
        },
    },
}
CUT_OFF_SCHEMA: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "at": {**_WALL, "description": "A wall clock's time as that of the schedule, or an instant with its offset."},
        "after_seconds": {"type": "integer", "minimum": LEAST_SECONDS, "maximum": MOST_SECONDS},
        "local_time": {"type": "string", "examples": ["21:00"], "description": "The first such time after the start."},
    },
}


class _AsWritten(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> Any:
        return data


@extend_schema_field(SCHEDULE_SCHEMA)
class ScheduleField(_AsWritten):
    """Taken as it is: `executions.timing.timing` reads it."""


@extend_schema_field(CUT_OFF_SCHEMA)
class CutOffField(_AsWritten):
    """Taken as it is: `executions.timing.cut_off` reads it."""


class RunRead(serializers.Serializer[Any]):
    at = serializers.CharField(help_text="What the clocks of the schedule's zone show.")
    starts_at = serializers.DateTimeField(
        help_text="When its execution is made; with recipient, before the first clocks of the world show `at`."
    )


class ScheduleReason(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="paused, missed, refused or run_failed.")
    message = serializers.CharField()
    at = serializers.DateTimeField()


class ScheduleRead(serializers.Serializer[Any]):
    schedule_id = serializers.IntegerField()
    campaign_id = serializers.IntegerField()
    campaign_name = serializers.CharField()
    state = serializers.ChoiceField(ScheduleState.choices)
    state_reason = ScheduleReason(allow_null=True)
    rrule = serializers.CharField()
    at = serializers.CharField(help_text="From when the rule counts.")
    timezone = serializers.CharField()
    when_past = serializers.ChoiceField(LocalPast.choices, allow_null=True)
    ends = serializers.CharField(allow_null=True, help_text="No run after it, by the same clocks.")
    exceptions = serializers.ListField(child=serializers.CharField())
    cut_off = serializers.DictField(allow_null=True)
    next_runs = RunRead(many=True, help_text="Up to five; in a list the next alone.")
    runs = serializers.IntegerField(help_text="Executions made.")
    missed = serializers.IntegerField(help_text="Runs that were due while nothing was there to make them.")
    failures = serializers.IntegerField(help_text="Runs refused since the last that was made.")
    last_run_at = serializers.DateTimeField(allow_null=True)
    audience = serializers.DictField()
    frequency_capping = serializers.BooleanField()
    rate_per_minute = serializers.IntegerField(allow_null=True)
    personalization = serializers.DictField()
    actions = serializers.ListField(child=serializers.ChoiceField(["pause", "resume", "cancel"]))
    created_by = Author()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField()
    admin_url = serializers.CharField()


class ScheduleMoved(ScheduleRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class Recurring(ScheduleMoved):
    """The answer to an execute that recurs."""

    execution_id = serializers.IntegerField(allow_null=True, help_text="null: each run will have its own.")


class SchedulePage(serializers.Serializer[Any]):
    results = ScheduleRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class ScheduleQuery(StrictSerializer):
    campaign = IdField(required=False, help_text="Of this campaign.")
    state = WordField(ScheduleState.choices, required=False)


class PeopleDue(serializers.Serializer[Any]):
    at = serializers.DateTimeField(allow_null=True, help_text="null: they would be left out.")
    contacts = serializers.IntegerField()
    becomes = serializers.ChoiceField(["on_time", "now", "next_day", "skipped"])


class DryRunSchedule(AskedTime):
    people = PeopleDue(many=True, help_text="With recipient: how many of the audience are due when.")
    next_runs = RunRead(many=True, help_text="Of a launch that recurs.")
