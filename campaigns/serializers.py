"""Shapes of the wire: what a campaign's body and answer look like. The rules are in `campaigns.validation`."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from audiences.events.models import EventTrigger
from campaigns.models import Campaign, CampaignState, OnCap, OnUnknown, Purpose
from campaigns.selectors import app_ids_of, tags_of
from campaigns.trigger_reading import trigger_on_wire
from campaigns.trigger_shape import TriggerField
from campaigns.triggers import triggers_of
from common.channels import ALIASES, Type
from common.fields import FlagField, IdField, ItemsField, ObjectField, TextField, TimeField, WordField
from common.serializers import StrictSerializer

_MANY = 1000


class CampaignWrite(StrictSerializer):
    """The body of create. Only `type` is required; `template_id` is needed by execute."""

    type = WordField(Type.choices, aliases={word: type.value for word, type in ALIASES.items()})
    name = TextField(required=False, allow_null=True, allow_blank=True, help_text="At most 200 characters.")
    app_ids = ItemsField(
        child=TextField(), required=False, max_length=_MANY, help_text="1 to 5 for push and webpush, else 0 to 5."
    )
    template_id = IdField(required=False, allow_null=True, help_text="A published template of the same type.")
    tags = ItemsField(
        child=TextField(allow_blank=True),
        required=False,
        max_length=_MANY,
        help_text="Up to 5, each of at most 25 characters.",
    )
    purpose = WordField(Purpose.choices, required=False, help_text="marketing, unless told otherwise.")
    sender_id = IdField(required=False, allow_null=True, help_text="The workspace's default sender when absent.")
    personalization = ObjectField(required=False, help_text="Names and values for the template.")
    once = FlagField(required=False, help_text="It can be executed a single time.")
    on_cap = WordField(OnCap.choices, required=False, help_text="What happens to who is over a frequency cap.")
    on_unknown = WordField(OnUnknown.choices, required=False, help_text="What happens to who was perhaps sent to.")
    trigger = TriggerField(required=False, allow_null=True, help_text="The event that it is sent upon; null for none.")


class CampaignChange(CampaignWrite):
    """The body of PATCH: what is named is changed; the type stays."""

    type = WordField(Type.choices, required=False, aliases={word: type.value for word, type in ALIASES.items()})


class CampaignQuery(StrictSerializer):
    tag = TextField(required=False, help_text="Has this tag, in any case.")
    type = WordField(Type.choices, required=False, aliases={word: type.value for word, type in ALIASES.items()})
    state = WordField(CampaignState.choices, required=False)
    app_id = TextField(required=False, max_length=100)
    active = WordField(["true", "false"], required=False, help_text="Events trigger it, or they do not.")
    q = TextField(required=False, max_length=200, help_text="Part of the name.")


class CreatedBy(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["user", "api_key", "system"])
    name = serializers.CharField()


class Warning(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class CampaignStored(serializers.Serializer[Any]):
    campaign_id = serializers.IntegerField()
    state = serializers.ChoiceField(CampaignState.choices)
    type = serializers.ChoiceField(Type.choices)
    name = serializers.CharField()
    app_ids = serializers.ListField(child=serializers.CharField())
    template_id = serializers.IntegerField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    purpose = serializers.ChoiceField(Purpose.choices)
    sender_id = serializers.IntegerField(allow_null=True)
    personalization = serializers.DictField()
    once = serializers.BooleanField()
    on_cap = serializers.ChoiceField(OnCap.choices)
    on_unknown = serializers.ChoiceField(OnUnknown.choices)
    trigger = TriggerField(allow_null=True)
    active = serializers.BooleanField(help_text="Events trigger it: it was activated.")
    warnings = Warning(many=True)
    created_at = TimeField()
    created_by = CreatedBy()
    url = serializers.CharField()
    admin_url = serializers.CharField()


class CampaignCreated(CampaignStored):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class CampaignRead(CampaignStored):
    updated_at = TimeField()


class CampaignAnswer(CampaignRead, CampaignCreated):
    """Answered by what changes a campaign."""


class CampaignPage(serializers.Serializer[Any]):
    results = CampaignRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


def campaigns_on_wire(campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Three queries, however many campaigns."""
    app_ids, tags, triggers = app_ids_of(campaigns), tags_of(campaigns), triggers_of(campaigns)
    return [
        on_wire(one, app_ids=app_ids.get(one.pk, []), tags=tags.get(one.pk, []), trigger=triggers.get(one.pk))
        for one in campaigns
    ]


def on_wire(campaign: Campaign, *, app_ids: list[str], tags: list[str], trigger: EventTrigger | None) -> dict[str, Any]:
    return {
        "campaign_id": campaign.pk,
        "state": campaign.state,
        "type": campaign.type,
        "name": campaign.name,
        "app_ids": app_ids,
        "template_id": campaign.template_id,
        "tags": tags,
        "purpose": campaign.purpose,
        "sender_id": campaign.sender_id,
        "personalization": campaign.personalization,
        "once": campaign.once,
        "on_cap": campaign.on_cap,
        "on_unknown": campaign.on_unknown,
        "trigger": trigger_on_wire(trigger) if trigger else None,
        "active": bool(trigger and trigger.active),
        "warnings": warnings_of(campaign, trigger),
        "created_at": campaign.created_at,
        "created_by": campaign.created_by,
        "updated_at": campaign.updated_at,
        "url": f"/api/v1/campaigns/{campaign.pk}",
        "admin_url": f"/admin/campaigns/campaign/{campaign.pk}/launch/",
    }


def warnings_of(campaign: Campaign, trigger: EventTrigger | None) -> list[dict[str, str]]:
    """What does not keep a campaign from being stored, but will keep it from doing what was meant."""
    found = []
    if campaign.template_id is None:
        found.append(("template_id", "no_template", "The campaign has no template; execute needs one."))
    if trigger is not None and trigger.cancel_event and not trigger.delay_seconds:
        message = "Without a delay the event cancels only what quiet hours, a rate or a pause hold back."
        found.append(("trigger.cancel_on", "no_delay", message))
    return [{"field": field, "code": code, "message": message} for field, code, message in found]
