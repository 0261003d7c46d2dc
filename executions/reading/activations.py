"""A triggered campaign's activation as the wire shows it: what it sends, and what became of its events so far."""

from typing import Any

from audiences.events.models import EventTrigger, TriggerHit
from campaigns.models import Campaign
from campaigns.trigger_reading import trigger_on_wire
from executions.models import Became, TriggerActivation

# What became of an event, in the words of the wire.
WORDS = {
    Became.PROMOTED: "launched",
    Became.STOPPED: "cancelled",
    Became.AGAIN: "repeated",
    Became.TOO_OFTEN: "too_often",
    Became.DROPPED: "dropped",
    Became.DELETED: "deleted",
    Became.REFUSED: "refused",
}


def last_activation(campaign_id: int) -> TriggerActivation | None:
    found = TriggerActivation.objects.filter(campaign_id=campaign_id).select_related("template_version")
    return found.order_by("-pk").first()


def activation_wire(campaign: Campaign, activation: TriggerActivation | None) -> dict[str, Any]:
    """Of a campaign that was never activated, everything that an activation says is null."""
    return {
        "campaign_id": campaign.pk,
        "active": bool(activation and activation.ended_at is None),
        **(_of(activation) if activation else _NEVER),
        "url": f"/api/v1/campaigns/{campaign.pk}/activation",
        "admin_url": f"/admin/campaigns/campaign/{campaign.pk}/activate/",
    }


_NEVER: dict[str, Any] = {
    **dict.fromkeys(
        (
            "activation_id",
            "activated_at",
            "activated_by",
            "deactivated_at",
            "trigger",
            "template_id",
            "template_version",
            "frequency_capping",
            "personalization",
            "rate_per_minute",
        )
    ),
    "waiting": 0,
    "counts": {},
}


def _of(activation: TriggerActivation) -> dict[str, Any]:
    version = activation.template_version
    return {
        "activation_id": activation.pk,
        "activated_at": activation.created_at,
        "activated_by": activation.created_by,
        "deactivated_at": activation.ended_at,
        "trigger": trigger_on_wire(EventTrigger(**activation.definition)),
        "template_id": version.template_id,
        "template_version": version.number,
        "frequency_capping": activation.frequency_capping,
        "personalization": activation.personalization,
        "rate_per_minute": activation.rate_per_minute,
        "waiting": waiting_for(activation),
        "counts": counts_on_wire(activation),
    }


def waiting_for(activation: TriggerActivation) -> int:
    """Events that wait for their delay, or for a worker."""
    return TriggerHit.objects.filter(activation_id=activation.pk).count()


def counts_on_wire(activation: TriggerActivation) -> dict[str, int]:
    return {word: activation.counts[became] for became, word in WORDS.items() if activation.counts.get(became)}
