"""Reads campaigns. Every queryset is scoped to a workspace."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Lower

from audiences.events.models import EventTrigger
from campaigns.models import Campaign, Tag
from campaigns.triggers import wire_trigger_of
from common.errors import NotFound


def campaigns_of(
    *,
    workspace_id: int,
    tag: str | None = None,
    type: str | None = None,
    state: str | None = None,
    app_id: str | None = None,
    active: str | None = None,
    q: str | None = None,
) -> QuerySet[Campaign]:
    """`tag` in any case; `q` is a part of the name; `active` is `true` or `false`: whether events trigger it."""
    found = Campaign.objects.filter(workspace_id=workspace_id)
    if tag:
        named = Tag.objects.alias(lowered=Lower("name")).filter(workspace_id=workspace_id, lowered=Lower(Value(tag)))
        found = found.filter(tags__in=named)
    if type:
        found = found.filter(type=type)
    if state:
        found = found.filter(state=state)
    if app_id:
        found = found.filter(apps__app_id=app_id)
    if active:
        triggered = Exists(EventTrigger.objects.filter(campaign_id=OuterRef("pk"), activation_id__isnull=False))
        found = found.filter(triggered if active == "true" else ~triggered)
    if q:
        found = found.filter(name__icontains=q)
    return found


def get_campaign(*, campaign_id: int, workspace_id: int) -> Campaign:
    """Raises `NotFound` outside the workspace."""
    found = Campaign.objects.filter(workspace_id=workspace_id, pk=campaign_id).first()
    if found is None:
        raise NotFound("This workspace has no such campaign.")
    return found


def app_ids_of(campaigns: Iterable[Campaign]) -> dict[int, list[str]]:
    """By campaign id, in the order given."""
    through = Campaign.apps.through.objects.filter(campaign_id__in=[campaign.pk for campaign in campaigns])
    return _grouped(through.order_by("pk").values_list("campaign_id", "app__app_id"))


def tags_of(campaigns: Iterable[Campaign]) -> dict[int, list[str]]:
    """By campaign id, in the order given."""
    through = Campaign.tags.through.objects.filter(campaign_id__in=[campaign.pk for campaign in campaigns])
    return _grouped(through.order_by("pk").values_list("campaign_id", "tag__name"))


def fields_of(campaign: Campaign) -> dict[str, Any]:
    """A campaign in the words of `CampaignFields`."""
    return {
        "type": campaign.type,
        "name": campaign.name,
        "app_ids": app_ids_of([campaign]).get(campaign.pk, []),
        "template_id": campaign.template_id,
        "tags": tags_of([campaign]).get(campaign.pk, []),
        "purpose": campaign.purpose,
        "sender_id": campaign.sender_id,
        "personalization": campaign.personalization,
        "once": campaign.once,
        "on_cap": campaign.on_cap,
        "on_unknown": campaign.on_unknown,
        "trigger": wire_trigger_of(campaign),
    }


def _grouped(pairs: Iterable[Sequence[Any]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for campaign_id, name in pairs:
        found.setdefault(campaign_id, []).append(name)
    return found
