"""What keeps a campaign from being launched, found before anything is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.sql import SQL

from audiences.audience_definition import AudienceDefinition, Source, not_found
from audiences.models import List, Upload, UploadState
from audiences.segments.selectors import bounded, moment_of
from audiences.sources import segments_in, source_condition
from campaigns.models import Campaign, CampaignState, Purpose
from campaigns.selectors import app_ids_of, tags_of
from common.channels import APP_TYPES, Type
from common.errors import Conflict, FieldError
from common.personalization import personalization_errors
from executions.launching.request import LaunchRequest
from providers.models import Kind, Provider, Sender
from providers.selectors import default_sender, provider_for
from templates_registry.liquid import has_unsubscribe_link

FASTEST_PER_MINUTE = 100_000_000


@dataclass(frozen=True, slots=True)
class Ready:
    """What an execution is frozen from, as far as it was found; whoever uses it has looked at the errors first."""

    campaign: Campaign
    provider: Provider | None
    sender: Sender | None
    app_ids: list[str]
    tags: list[str]


def gather(campaign_id: int) -> Ready:
    """Reads what a launch freezes, in the transaction of the launch."""
    campaign = Campaign.objects.select_related("workspace", "sender", "template__published").get(pk=campaign_id)
    if campaign.state == CampaignState.ARCHIVED:
        raise Conflict(f"Campaign {campaign_id} is archived, so it can't be executed. Make a new one.")
    return Ready(
        campaign=campaign,
        provider=provider_for(workspace_id=campaign.workspace_id, type=campaign.type),
        sender=campaign.sender or default_sender(workspace_id=campaign.workspace_id, type=campaign.type),
        app_ids=app_ids_of([campaign]).get(campaign_id, []),
        tags=tags_of([campaign]).get(campaign_id, []),
    )


def launch_errors(
    ready: Ready, request: LaunchRequest, audience: AudienceDefinition, *, may_be_empty: bool = False
) -> list[FieldError]:
    """Everything that is wrong at once; but for inline contacts, which the upsert judges, and for its moments."""
    return [
        *request.errors,
        *content_errors(ready),
        *route_errors(ready),
        *audience.errors,
        *_audience_errors(ready.campaign.workspace_id, audience, may_be_empty=may_be_empty),
        *personalization_errors(request.personalization, field="personalization"),
        *rate_errors(request.rate_per_minute),
    ]


def content_errors(ready: Ready) -> list[FieldError]:
    """Whether there is a published version of the right type to send."""
    template, field = ready.campaign.template, "template_id"
    hint = "Templates are made in the admin; list those that are published with GET /api/v1/templates."
    if template is None:
        return [FieldError(field, "required", "The campaign has no template, and a launch needs one.", hint=hint)]
    if template.archived_at is not None:
        return [FieldError(field, "archived", "The campaign's template is archived.", template.pk, hint=hint)]
    if template.published is None:
        message = "The campaign's template was never published."
        return [FieldError(field, "not_published", message, template.pk, hint="Publish it in the admin.")]
    if template.type != ready.campaign.type:
        message = f"The campaign's template is for {template.type}, the campaign for {ready.campaign.type}."
        return [FieldError(field, "wrong_type", message, template.pk, hint=hint)]
    if _lacks_unsubscribe_link(ready.campaign, template.published.content):
        message = "The template has no unsubscribe link, and a marketing email needs one."
        return [FieldError(field, "no_unsubscribe_link", message, template.pk, hint="Put {{ unsubscribe_url }} in.")]
    return []


def _lacks_unsubscribe_link(campaign: Campaign, content: Mapping[str, str]) -> bool:
    """The template may have been published anew, as transactional, after the campaign was made."""
    if campaign.type != Type.EMAIL or campaign.purpose != Purpose.MARKETING:
        return False
    return not has_unsubscribe_link(content.get("html", ""))


def route_errors(ready: Ready) -> list[FieldError]:
    """Whether there is an app to reach people in, a provider to send with, and somebody to send as."""
    kind = ready.campaign.type
    errors = []
    if kind in APP_TYPES and not ready.app_ids:
        message = f"A campaign of type {kind} needs 1 to 5 apps."
        errors.append(FieldError("app_ids", "required", message, hint="Change the campaign with PATCH."))
    if ready.provider is None:
        message = f"This workspace has no enabled provider for {kind}."
        errors.append(FieldError("type", "no_provider", message, kind, hint="Make one in the admin."))
    elif kind == Type.EMAIL and ready.sender is None and ready.provider.kind != Kind.SANDBOX:
        message = "The campaign names no sender, and this workspace has no default sender for email."
        errors.append(FieldError("sender_id", "required", message, hint="Make a default sender in the admin."))
    return errors


def source_errors(workspace_id: int, audience: AudienceDefinition) -> list[FieldError]:
    """Of the lists and uploads named."""
    return [
        *_list_errors(workspace_id, [source for source in audience.sources if source.type == "list"]),
        *_upload_errors(workspace_id, [source for source in audience.sources if source.type == "upload"]),
    ]


def _audience_errors(workspace_id: int, audience: AudienceDefinition, *, may_be_empty: bool) -> list[FieldError]:
    errors = source_errors(workspace_id, audience)
    if errors or audience.errors or audience.contacts is not None or may_be_empty:
        return errors
    return [] if has_people(workspace_id=workspace_id, audience=audience.stored) else [audience_empty()]


def _list_errors(workspace_id: int, sources: Sequence[Source]) -> Iterable[FieldError]:
    if not sources:
        return
    known = dict(
        List.objects.filter(workspace_id=workspace_id, pk__in=[source.id for source in sources]).values_list(
            "pk", "archived_at"
        )
    )
    for source in sources:
        if source.id not in known:
            yield not_found(source)
        elif known[source.id] is not None:
            yield FieldError(source.field, "archived", "This list is archived.", source.id)


def _upload_errors(workspace_id: int, sources: Sequence[Source]) -> Iterable[FieldError]:
    if not sources:
        return
    known = share_uploads(workspace_id, [source.id for source in sources])
    for source in sources:
        upload = known.get(source.id)
        if upload is None:
            yield not_found(source)
        elif upload.state != UploadState.FINISHED:
            message = f"This upload is {upload.state}; only a finished one is an audience."
            hint = f"Follow it with GET /api/v1/uploads/{source.id}."
            yield FieldError(source.field, "not_ready", message, source.id, hint=hint)
        elif upload.purging_at is not None and not upload.keep:
            message = f"The people of this upload were temporary, and deleted from {upload.purging_at:%Y-%m-%d} on."
            yield FieldError(source.field, "purged", message, source.id, hint="Upload the file again.")


def share_uploads(workspace_id: int, ids: Sequence[int]) -> dict[int, Upload]:
    """Until the launch has committed nobody begins to delete them (`executions.retention.uploads`)."""
    found = Upload.objects.raw(
        "SELECT id, state, keep, purging_at FROM audiences_upload WHERE workspace_id = %s AND id = ANY (%s)"
        " AND kind = 'contacts' ORDER BY id FOR KEY SHARE",
        [workspace_id, list(ids)],
    )
    return {upload.pk: upload for upload in found}


def has_people(*, workspace_id: int, audience: dict[str, Any], execution_id: int | None = None) -> bool:
    """Whether the audience has anyone at all; whether they can be reached is another matter.

    Raises `TooSlow` where a segment's rule can't be answered in time.
    """
    moment = moment_of(workspace_id) if segments_in(audience) else None
    condition = source_condition(workspace_id=workspace_id, execution_id=execution_id, audience=audience, moment=moment)
    with bounded() if moment else connection.cursor() as cursor:
        cursor.execute(SQL("SELECT EXISTS (SELECT FROM audiences_contact c WHERE {})").format(condition))
        return bool(cursor.fetchone()[0])


def audience_empty() -> FieldError:
    message = "There is nobody in the audience."
    return FieldError("audience", "audience_empty", message, hint="Name a source that has contacts in it.")


def rate_errors(rate_per_minute: int | None) -> list[FieldError]:
    if rate_per_minute is None or 1 <= rate_per_minute <= FASTEST_PER_MINUTE:
        return []
    message = f"The rate is between 1 and {FASTEST_PER_MINUTE:,} messages a minute."
    hint = "Leave it out to send as fast as the provider takes."
    return [FieldError("rate_per_minute", "out_of_range", message, rate_per_minute, FASTEST_PER_MINUTE, hint=hint)]


def database_time() -> datetime:
    """PostgreSQL's clock, which is the only one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
