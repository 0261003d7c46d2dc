"""The event that a preview or a test send has, as there is none that triggered it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from audiences.events.triggers import trigger_of
from executions.delivery.content import event_field


def example_event(sample: Mapping[str, Any], *, campaign_id: int | None = None) -> dict[str, Any]:
    """Its properties are the object `event` of the template's sample; its name is that which triggers the campaign."""
    properties = sample.get("event")
    trigger = trigger_of(campaign_id) if campaign_id is not None else None
    return {
        "name": trigger.event_name if trigger else "example",
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "properties": properties if isinstance(properties, dict) else {},
    }


def example_event_field(sample: Mapping[str, Any], *, campaign_id: int | None = None) -> dict[str, Any]:
    """The reserved variable `event` of it."""
    return event_field(example_event(sample, campaign_id=campaign_id))
