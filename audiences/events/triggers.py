"""Reads triggers: which are active for events of these names, and what one asks for."""

from collections.abc import Collection, Sequence
from typing import Any

from audiences.events.trigger_models import EventTrigger

# What a trigger asks for: everything of it but whose it is, and whether it is active.
DEFINED = (
    "event_name",
    "conditions",
    "delay_seconds",
    "per_contact",
    "window_seconds",
    "cancel_event",
    "cancel_conditions",
    "business",
    "audience",
)


def definition_of(trigger: EventTrigger) -> dict[str, Any]:
    """As it is kept with an activation."""
    return {name: getattr(trigger, name) for name in DEFINED}


def trigger_of(campaign_id: int) -> EventTrigger | None:
    return EventTrigger.objects.filter(campaign_id=campaign_id).first()


def active_triggers(workspace_id: int, names: Collection[str]) -> Sequence[EventTrigger]:
    found = EventTrigger.objects.filter(workspace_id=workspace_id, activation_id__isnull=False)
    return list(found.filter(event_name__in=names))
