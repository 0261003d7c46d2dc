"""Making a launch recur. What it asks for is judged as a launch is, by making one and undoing it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from django.db import transaction

from audiences.audience_definition import read_audience
from campaigns.models import Campaign
from common.authorship import Actor, authored_by
from common.errors import FieldError
from executions.launching.checks import database_time
from executions.launching.launch import freeze, refuse
from executions.launching.moments import Moments, read_moments
from executions.launching.request import LaunchRequest
from executions.launching.segment_rules import with_rules
from executions.models import Schedule
from executions.timing.recurrence import Recurrence
from executions.timing.words import wall_text
from workspaces.audit import record

_KEPT = ("audience", "frequency_capping", "personalization", "rate_per_minute", "strict", "cut_off")


def recurs(request: LaunchRequest) -> bool:
    """Whether it asks for a schedule; what is wrong with it is said by whoever makes that."""
    return isinstance(request.schedule, Mapping) and request.schedule.get("rrule") is not None


@transaction.atomic
def create_schedule(*, campaign: Campaign, request: LaunchRequest, actor: Actor) -> Schedule:
    """Raises Invalid with every error at once, and Conflict for a campaign that is archived."""
    rehearse(campaign=campaign, request=request, actor=actor)
    moments = read_moments(workspace=campaign.workspace, request=request, now=database_time())
    recurrence = moments.timing.recurrence
    if recurrence is None:
        raise AssertionError("the rehearsal refuses what has no rule")
    schedule = _insert(campaign, _normal(campaign, request), moments, recurrence, actor)
    record_schedule(schedule, actor, "created", rrule=schedule.rrule, timezone=schedule.timezone)
    return schedule


def rehearse(*, campaign: Campaign, request: LaunchRequest, actor: Actor) -> None:
    """Raises what `launch` would for the first run, and what only a launch that recurs can do wrong."""
    with transaction.atomic():
        freeze(campaign=campaign, request=judged(campaign, request), actor=actor, once=False)
        transaction.set_rollback(True)


def judged(campaign: Campaign, request: LaunchRequest) -> LaunchRequest:
    """With the errors that only a launch that recurs can have."""
    if not recurs(request):
        return request
    return replace(request, errors=(*request.errors, *_recurring_errors(campaign, request)))


def _recurring_errors(campaign: Campaign, request: LaunchRequest) -> list[FieldError]:
    errors = []
    if campaign.once:
        message = f"Campaign {campaign.pk} may be executed once, so it can't recur."
        errors.append(FieldError("schedule.rrule", "once", message, hint="Change the campaign with PATCH."))
    if isinstance(request.audience, Mapping) and request.audience.get("type") == "contacts":
        message = "Contacts named one by one can't be the audience of a launch that recurs."
        hint = "Put them in a list: each run is for those who are in it then."
        errors.append(FieldError("audience.type", "not_recurring", message, "contacts", hint=hint))
    return errors


def _normal(campaign: Campaign, request: LaunchRequest) -> LaunchRequest:
    """With its audience as executions store it. Its segments can't be deleted until this transaction ends, and then
    they are in use; the rehearsal's lock on them went with what it undid."""
    audience = read_audience(request.audience)
    refuse([*with_rules(campaign.workspace_id, read_audience(request.audience)).errors])
    return replace(request, audience=audience.stored)


def _insert(
    campaign: Campaign, request: LaunchRequest, moments: Moments, recurrence: Recurrence, actor: Actor
) -> Schedule:
    timing = moments.timing
    first = next(recurrence.due(timing.timezone))
    schedule = Schedule(
        workspace_id=campaign.workspace_id,
        campaign=campaign,
        request={name: getattr(request, name) for name in _KEPT},
        rrule=recurrence.text,
        starts=recurrence.starts,
        timezone=timing.timezone,
        when_past=timing.when_past,
        ends=recurrence.ends,
        exceptions=sorted(_exception_text(one) for one in recurrence.exceptions),
        next_run=first.wall,
        next_run_at=first.at,
        **authored_by(actor),
    )
    schedule.save(force_insert=True)
    schedule.refresh_from_db(fields=["created_at"])
    return schedule


def _exception_text(one: date) -> str:
    return wall_text(one) if isinstance(one, datetime) else one.isoformat()


def record_schedule(schedule: Schedule, actor: Actor, action: str, **details: Any) -> None:
    """In the audit trail."""
    record(
        workspace_id=schedule.workspace_id,
        actor=actor,
        action=action,
        object_type="schedule",
        object_id=schedule.pk,
        object_name=schedule.campaign.name,
        details={"campaign_id": schedule.campaign_id, "state": schedule.state, **details},
    )
