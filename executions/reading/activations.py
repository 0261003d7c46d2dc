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

# Of those upon which nobody was sent anything: why, and how to mend it; the refused have their own.
TOLD = {
    Became.STOPPED: ("The contact did what cancels it before it was due.", None),
    Became.AGAIN: ("The contact has had its message, or is about to: once, or once in the window.", None),
    Became.TOO_OFTEN: (
        "There were more within an hour than are sent upon: a loop, most likely.",
        "See whether what is sent brings about the event. More events of the business within an hour take a higher "
        "VOLLEY_BUSINESS_EVENTS_PER_HOUR.",
    ),
    Became.DROPPED: ("The campaign was deactivated, or the hour's execution cancelled, while it waited.", None),
    Became.DELETED: ("The contact was deleted while it waited.", None),
    Became.REFUSED: ("It lacks what the audience asks for.", "The audit trail says more."),
}
NEEDS_APPROVAL = {
    "code": "approval_required",
    "message": "This workspace wants each launch approved, and a trigger launches without anybody there.",
    "hint": "Take Requires approval from the workspace in the admin, or execute the campaign by hand: it then waits "
    "for approval.",
}


def last_activation(campaign_id: int) -> TriggerActivation | None:
    found = TriggerActivation.objects.filter(campaign_id=campaign_id).select_related("template_version")
    return found.order_by("-pk").first()


def activation_wire(campaign: Campaign, activation: TriggerActivation | None) -> dict[str, Any]:
    """Of a campaign that was never activated, everything that an activation says is null."""
    return {
        "campaign_id": campaign.pk,
        "active": bool(activation and activation.ended_at is None),
        "state_reason": rests(campaign, activation),
        **(_of(activation) if activation else _NEVER),
        "url": f"/api/v1/campaigns/{campaign.pk}/activation",
        "admin_url": f"/admin/campaigns/campaign/{campaign.pk}/activate/",
    }


def rests(campaign: Campaign, activation: TriggerActivation | None) -> dict[str, str] | None:
    """Why nothing is sent upon its events though it is active: code, message and hint; None where it is sent."""
    live = activation is not None and activation.emptied_at is None
    return NEEDS_APPROVAL if live and campaign.workspace.requires_approval else None


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
