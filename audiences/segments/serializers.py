"""Shapes of the wire. What may be in a rule is judged by `audiences.segments.reading`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audiences.segments.node_schemas import SCHEMA_ID
from audiences.segments.services import DESCRIPTION_LENGTH, NAME_LENGTH
from audiences.serializers import ContactRead, CreatedByRead, PageRead
from common.fields import ObjectField, TextField, TimeField
from common.serializers import StrictSerializer


@extend_schema_field({"type": "object", "description": f"A condition; its JSON Schema: GET {SCHEMA_ID}."})
class RuleField(serializers.JSONField):
    """Kept as it is: every error in it is found by one reader, with its place."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return None if data is serializers.empty and not self.required else super().run_validation(data)


class SegmentWrite(StrictSerializer):
    name = TextField(help_text=f"At most {NAME_LENGTH} characters.")
    description = TextField(required=False, allow_blank=True, help_text=f"At most {DESCRIPTION_LENGTH} characters.")
    rule = RuleField()


class SegmentChange(SegmentWrite):
    name = TextField(required=False)
    rule = RuleField(required=False)


_EVENT_HELP = 'An example of a business event\'s properties, for a rule that refers to them: {"sku": "A-1"}.'


class SegmentTry(StrictSerializer):
    rule = RuleField()
    event = ObjectField(required=False, allow_null=True, help_text=_EVENT_HELP)


class SegmentCounting(StrictSerializer):
    event = ObjectField(required=False, allow_null=True, help_text=_EVENT_HELP)


class SegmentQuery(StrictSerializer):
    q = TextField(required=False, max_length=100, help_text="Part of the name.")


class SegmentRead(serializers.Serializer[Any]):
    segment_id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    rule = serializers.DictField()
    event_properties = serializers.ListField(
        child=serializers.CharField(), help_text="What the rule refers to of the business event that launches it."
    )
    created_at = TimeField()
    created_by = CreatedByRead()
    updated_at = TimeField()
    url = serializers.CharField()


class SegmentAnswer(SegmentRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class SegmentPage(PageRead):
    results = SegmentRead(many=True)


class SegmentCount(serializers.Serializer[Any]):
    segment_id = serializers.IntegerField()
    count = serializers.IntegerField()
    computed_at = TimeField()


class SegmentPreview(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    count = serializers.IntegerField()
    sample = ContactRead(many=True)
    computed_at = TimeField()
