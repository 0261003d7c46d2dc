"""What can be done to a campaign; the API, the compatible wire and the admin all come through here."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Unpack

from django.db import transaction
from django.db.models.functions import Now

from campaigns.fields import DEFAULTS, CampaignFields
from campaigns.models import Campaign, CampaignState, Tag
from campaigns.parts import Parts, find_parts
from campaigns.selectors import fields_of
from campaigns.triggers import refuse_active, set_trigger
from campaigns.validation import distinct_tags, field_errors
from common.authorship import Actor, authored_by
from common.errors import Conflict, FieldError, Invalid, NotFound
from workspaces import audit

NOTHING_CREATED = "Nothing was created."
# PostgreSQL decides which names are equal, as its unique index does; its lower() and Python's differ.
_TAGS_IN_ORDER = """
SELECT tag.* FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, place)
JOIN campaigns_tag tag ON lower(tag.name) = lower(wanted.name) AND tag.workspace_id = %s
ORDER BY wanted.place
"""
_PLAIN = ("name", "purpose", "personalization", "once", "on_cap", "on_unknown")


def campaign_errors(*, workspace_id: int, **fields: Unpack[CampaignFields]) -> list[FieldError]:
    """Everything that would keep a campaign of these fields from being made."""
    return _check(workspace_id, {**DEFAULTS, **fields}, fields)[1]


@transaction.atomic
def create_campaign(*, workspace_id: int, actor: Actor, **fields: Unpack[CampaignFields]) -> Campaign:
    """Stores a campaign and launches nothing. Raises `Invalid` with every error at once."""
    whole: dict[str, Any] = {**DEFAULTS, **fields}
    parts, errors = _check(workspace_id, whole, fields)
    if errors:
        raise Invalid(errors, detail=NOTHING_CREATED)
    campaign = Campaign(workspace_id=workspace_id, type=whole["type"], **authored_by(actor))
    _assign(campaign, whole, parts)
    campaign.save(force_insert=True)
    campaign.refresh_from_db(fields=["created_at", "updated_at"])
    _link(campaign, whole, parts)
    _record(campaign, actor, "created")
    return campaign


@transaction.atomic
def update_campaign(*, campaign_id: int, workspace_id: int, actor: Actor, **fields: Unpack[CampaignFields]) -> Campaign:
    """Changes what is named; executions, and a campaign's activation, keep what they froze.

    Raises `Conflict` for an archived campaign, and for another trigger of an active one.
    """
    campaign = _locked(campaign_id, workspace_id)
    if campaign.state == CampaignState.ARCHIVED:
        raise Conflict(f"Campaign {campaign_id} is archived and can't be changed. Make a new one.")
    before = fields_of(campaign)
    whole = {**before, **fields}
    parts, errors = _check(workspace_id, whole, fields)
    errors = [*_immutable(before, fields), *errors]
    if errors:
        raise Invalid(errors)
    _assign(campaign, whole, parts)
    campaign.save()
    Campaign.objects.filter(pk=campaign_id).update(updated_at=Now())
    campaign.refresh_from_db(fields=["updated_at"])
    _link(campaign, whole, parts)
    after = fields_of(campaign) if "trigger" in fields else whole
    _record(campaign, actor, "changed", fields=sorted(name for name in fields if after[name] != before[name]))
    return campaign


def update_errors(*, campaign: Campaign, **fields: Unpack[CampaignFields]) -> list[FieldError]:
    """Everything that would keep these fields from being changed."""
    before = fields_of(campaign)
    return [*_immutable(before, fields), *_check(campaign.workspace_id, {**before, **fields}, fields)[1]]


@transaction.atomic
def archive_campaign(*, campaign_id: int, workspace_id: int, actor: Actor) -> Campaign:
    """Puts a campaign away; asking again changes nothing. Executions that run go on. Raises `Conflict` while events
    trigger it: an archived campaign sends nothing any more, and whether what waits is sent is for its people to say."""
    campaign = _locked(campaign_id, workspace_id)
    refuse_active(campaign=campaign, what="it can't be archived")
    moved = Campaign.objects.filter(pk=campaign_id, state=CampaignState.DRAFT).update(
        state=CampaignState.ARCHIVED, updated_at=Now()
    )
    if moved:
        campaign.refresh_from_db(fields=["state", "updated_at"])
        _record(campaign, actor, "archived")
    return campaign


def _locked(campaign_id: int, workspace_id: int) -> Campaign:
    found = Campaign.objects.select_for_update(of=("self",)).filter(pk=campaign_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound("This workspace has no such campaign.")
    return found


def _check(workspace_id: int, fields: Mapping[str, Any], given: Container[str]) -> tuple[Parts, list[FieldError]]:
    parts = find_parts(workspace_id=workspace_id, fields=fields, given=given)
    return parts, [*field_errors(fields), *parts.errors]


def _immutable(before: Mapping[str, Any], fields: Mapping[str, Any]) -> list[FieldError]:
    if "type" not in fields or fields["type"] == before["type"]:
        return []
    message = f"The type of a campaign stays what it was: {before['type']}."
    return [FieldError("type", "immutable", message, fields["type"], hint="Make another campaign.")]


def _assign(campaign: Campaign, whole: Mapping[str, Any], parts: Parts) -> None:
    for name in _PLAIN:
        setattr(campaign, name, whole[name])
    campaign.name = (whole["name"] or "").strip()
    campaign.template = parts.template
    campaign.sender = parts.sender


def _link(campaign: Campaign, whole: Mapping[str, Any], parts: Parts) -> None:
    """Apps and tags are written in the order given, and read in it. A trigger that is not named stays."""
    tags = tag_rows(campaign.workspace_id, distinct_tags(whole["tags"]))
    _relink(Campaign.apps.through, campaign, "app_id", [app.pk for app in parts.apps])
    _relink(Campaign.tags.through, campaign, "tag_id", [tag.pk for tag in tags])
    if parts.trigger is not None:
        set_trigger(campaign=campaign, definition=parts.trigger.definition)


def _relink(through: Any, campaign: Campaign, column: str, wanted: list[int]) -> None:
    links = through.objects.filter(campaign_id=campaign.pk)
    if list(links.order_by("pk").values_list(column, flat=True)) != wanted:
        links.delete()
        through.objects.bulk_create(through(campaign_id=campaign.pk, **{column: pk}) for pk in wanted)


def tag_rows(workspace_id: int, names: Sequence[str]) -> list[Tag]:
    """Rows for the names, in their order; a tag that is known keeps the spelling it has."""
    if not names:
        return []
    # Sorted, so that two campaigns that bring the same new tags do not lock each other.
    Tag.objects.bulk_create(
        [Tag(workspace_id=workspace_id, name=name) for name in sorted(names, key=str.lower)], ignore_conflicts=True
    )
    found = Tag.objects.raw(_TAGS_IN_ORDER, [list(names), workspace_id])
    return list({tag.pk: tag for tag in found}.values())


def _record(campaign: Campaign, actor: Actor, action: str, **details: Any) -> None:
    audit.record(
        workspace_id=campaign.workspace_id,
        actor=actor,
        action=action,
        object_type="campaign",
        object_id=campaign.pk,
        object_name=str(campaign),
        details=details,
    )
