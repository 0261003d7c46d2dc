"""Keeps and reads the triggers of campaigns. They are activated above this app, where executions are made."""

from collections.abc import Iterable
from typing import Any

from audiences.events.models import EventTrigger
from audiences.events.triggers import definition_of, trigger_of
from campaigns.models import Campaign
from campaigns.trigger_reading import trigger_on_wire
from common.errors import Conflict


def triggers_of(campaigns: Iterable[Campaign]) -> dict[int, EventTrigger]:
    """By campaign id, where there is one; one query."""
    found = EventTrigger.objects.filter(campaign_id__in=[campaign.pk for campaign in campaigns])
    return {trigger.campaign_id: trigger for trigger in found}


def wire_trigger_of(campaign: Campaign) -> dict[str, Any] | None:
    found = trigger_of(campaign.pk)
    return trigger_on_wire(found) if found else None


def set_trigger(*, campaign: Campaign, definition: dict[str, Any] | None) -> bool:
    """Whether anything changed. Belongs into the transaction that holds the campaign's row.

    Raises `Conflict` where it would change while it is active.
    """
    found = trigger_of(campaign.pk)
    if (definition_of(found) if found else None) == definition:
        return False
    if found is None:
        EventTrigger.objects.create(workspace_id=campaign.workspace_id, campaign_id=campaign.pk, **(definition or {}))
        return True
    resting = EventTrigger.objects.filter(pk=found.pk, activation_id__isnull=True)
    done = resting.update(**definition) if definition else resting.delete()[0]
    if not done:
        raise active_conflict(campaign, "its trigger can't be changed")
    return True


def refuse_active(*, campaign: Campaign, what: str) -> None:
    """Raises `Conflict`. Nobody activates it until the transaction ends."""
    found = EventTrigger.objects.select_for_update(no_key=True).filter(campaign_id=campaign.pk).first()
    if found is not None and found.active:
        raise active_conflict(campaign, what)


def active_conflict(campaign: Campaign, what: str) -> Conflict:
    return Conflict(
        f"Campaign {campaign.pk} is active, so {what}. Deactivate it first: "
        f"POST /api/v1/campaigns/{campaign.pk}/deactivate.",
        code="active",
    )
