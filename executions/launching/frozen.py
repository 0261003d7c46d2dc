"""What every launch freezes of a campaign: the columns of `executions.activation_models.FrozenLaunch`."""

from typing import Any, Protocol

from executions.launching.checks import Ready


class Asked(Protocol):
    """What the caller says of these columns."""

    @property
    def frequency_capping(self) -> bool: ...

    @property
    def personalization(self) -> Any: ...

    @property
    def rate_per_minute(self) -> int | None: ...


def frozen_columns(ready: Ready, asked: Asked) -> dict[str, Any]:
    """And whose they are. Only for what the checks of a launch let through: they have refused what lacks a part."""
    campaign, template = ready.campaign, ready.campaign.template
    if template is None or template.published is None or ready.provider is None:
        raise AssertionError("the checks let nothing through that lacks these")
    return {
        "workspace_id": campaign.workspace_id,
        "campaign": campaign,
        "campaign_name": campaign.name,
        "type": campaign.type,
        "app_ids": ready.app_ids,
        "tags": ready.tags,
        "template_version": template.published,
        "sender": ready.sender,
        "provider": ready.provider,
        "purpose": campaign.purpose,
        "on_cap": campaign.on_cap,
        "on_unknown": campaign.on_unknown,
        "frequency_capping": asked.frequency_capping,
        "campaign_personalization": campaign.personalization,
        "personalization": asked.personalization,
        "rate_per_minute": asked.rate_per_minute,
    }
