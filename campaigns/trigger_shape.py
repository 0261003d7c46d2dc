"""The shape of a trigger for the API's description. What may be in it is judged by `campaigns.trigger_reading`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audiences.segments.node_schemas import SCHEMA_ID
from campaigns.trigger_reading import LONGEST_DELAY, LONGEST_WINDOW, SHORTEST_WINDOW

_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_WHERE = {
    "type": "array",
    "maxItems": 10,
    "items": {"type": "object"},
    "description": f"Filters of the event's properties, all of which fit: `filter` of the JSON Schema at {SCHEMA_ID}.",
}
_CANCEL_WHERE = {
    **_WHERE,
    "items": {
        "type": "object",
        "example": {"name": "cart_id", "value_type": "text", "operator": "equals", "value": {"event": "cart_id"}},
    },
    "description": f'{_WHERE["description"]} `{{"event": "cart_id"}}` in the place of a value (or of `values`) is '
    "that property of the event that triggered, in filters of text, number, boolean and list. Where it lacks it, or "
    "has it of another type, nothing cancels.",
}
_WINDOW = {
    "type": "object",
    "required": ["window_seconds"],
    "properties": {
        "window_seconds": {"type": "integer", "minimum": SHORTEST_WINDOW, "maximum": LONGEST_WINDOW},
    },
}
TRIGGER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["event"],
    "properties": {
        "event": _NAME,
        "where": _WHERE,
        "delay_seconds": {"type": "integer", "minimum": 0, "maximum": LONGEST_DELAY, "default": 0},
        "per_contact": {
            "oneOf": [{"type": "string", "enum": ["every", "once"]}, _WINDOW],
            "default": "every",
            "description": "How often the events of one contact make it be sent.",
        },
        "cancel_on": {
            "type": ["object", "null"],
            "required": ["event"],
            "properties": {"event": _NAME, "where": _CANCEL_WHERE},
            "description": "An event of the same contact after the first one: whoever was not handed to the provider "
            "by then is not sent to.",
        },
        "audience": {
            "type": ["object", "null"],
            "description": "Only of an event without a person: whom it launches to, written as for execute.",
        },
    },
}


@extend_schema_field(TRIGGER_SCHEMA)
class TriggerField(serializers.JSONField):
    """Kept as it is: every error in it is found by one reader, with its place."""
