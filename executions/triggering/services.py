"""Activating and deactivating a triggered campaign: compare-and-set, each asked for as often as one likes.

Activating freezes what a launch freezes. What the campaign or its trigger says later counts from the next activation.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from audiences.audience_definition import read_audience
from audiences.events.trigger_models import EventTrigger
from audiences.events.triggers import definition_of
from campaigns.models import Campaign
from common.authorship import Actor, authored_by
from common.errors import Conflict, FieldError, Invalid
from common.personalization import personalization_errors
from executions.launching.checks import Ready, content_errors, gather, rate_errors, route_errors, source_errors
from executions.launching.frozen import frozen_columns
from executions.launching.segment_rules import with_rules
from executions.models import TriggerActivation
from executions.triggering.approval import APPROVAL_REQUIRED
from executions.triggering.request import ActivationRequest
from workspaces.audit import record

NOTHING_ACTIVATED = "Nothing was activated."
# A call of ten thousand events is held against all of them, and each may fit.
MOST_OF_AN_EVENT = 50


@dataclass(frozen=True, slots=True)
class Activated:
    """`made` is False where it was active already: then it is answered as it is."""

    activation: TriggerActivation
    made: bool


@transaction.atomic
def activate_trigger(*, campaign: Campaign, request: ActivationRequest, actor: Actor) -> Activated:
    """From the commit on, events that fit are sent upon. Raises Invalid with every field error at once; Conflict for
    a campaign without a trigger, archived, for a single launch, or of a workspace whose launches need approval."""
    trigger = _lock(campaign)
    if trigger.activation_id is not None:
        return Activated(TriggerActivation.objects.get(pk=trigger.activation_id), made=False)
    ready = gather(campaign.pk)
    _refuse_what_cannot_be_triggered(ready.campaign)
    audience, errors = _frozen_audience(campaign.workspace_id, trigger)
    errors = [*activation_errors(ready, request), *errors, *_too_many(trigger)]
    if errors:
        raise Invalid(errors, detail=NOTHING_ACTIVATED)
    activation = _create(ready, {**definition_of(trigger), "audience": audience}, request, actor)
    EventTrigger.objects.filter(pk=trigger.pk, activation_id=None).update(
        activation_id=activation.pk, activated_at=Now()
    )
    _record(activation, actor, "activated", definition=activation.definition)
    return Activated(activation, made=True)


@transaction.atomic
def deactivate_trigger(*, campaign: Campaign, actor: Actor, drop_waiting: bool = True) -> TriggerActivation | None:
    """Events accepted from then on are not sent upon; what is in an execution already is that execution's.

    Events that wait for their delay are dropped, and counted, those of former activations too; without `drop_waiting`
    they are sent upon when they are due. Answers the last activation, which has ended; None where there never was one.
    """
    trigger = _lock(campaign)
    ended = 0
    if trigger.activation_id is not None:
        ended = TriggerActivation.objects.filter(pk=trigger.activation_id, ended_at=None).update(ended_at=Now())
        trigger.activation_id = None
        trigger.save(update_fields=["activation_id"])
    former = TriggerActivation.objects.filter(campaign=campaign)
    if drop_waiting:
        ended += former.filter(ended_at__isnull=False, emptied_at=None, drops_waiting=False).update(drops_waiting=True)
    activation = former.order_by("-pk").first()
    if activation is not None and ended:
        _record(activation, actor, "deactivated", drop_waiting=drop_waiting)
    return activation


def activation_errors(ready: Ready, request: ActivationRequest) -> list[FieldError]:
    """Everything that would keep it from being activated, but for the audience of a business event."""
    return [
        *request.errors,
        *content_errors(ready),
        *route_errors(ready),
        *personalization_errors(request.personalization, field="personalization"),
        *rate_errors(request.rate_per_minute),
    ]


def _frozen_audience(workspace_id: int, trigger: EventTrigger) -> tuple[dict[str, Any] | None, list[FieldError]]:
    """With the rules of its segments. Whom it has, and whether a rule fits the event, is known when there is one."""
    if not trigger.business:
        return None, []
    audience = with_rules(workspace_id, read_audience(trigger.audience), awaits_event=True)
    errors = [*audience.errors, *source_errors(workspace_id, audience)]
    return audience.stored, [replace(error, field=f"trigger.{error.field}") for error in errors]


def _too_many(trigger: EventTrigger) -> list[FieldError]:
    """Each event of the name is held against every trigger of it. Two that are activated at once wait in line."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"volley.activate:{trigger.workspace_id}:{trigger.event_name}"],
        )
    found = EventTrigger.objects.filter(workspace_id=trigger.workspace_id, event_name=trigger.event_name)
    if found.filter(activation_id__isnull=False).count() < MOST_OF_AN_EVENT:
        return []
    message = f"{MOST_OF_AN_EVENT} campaigns are active upon {trigger.event_name} already."
    hint = "Deactivate one of them, or let the template tell cases apart."
    return [FieldError("trigger.event", "too_many", message, trigger.event_name, MOST_OF_AN_EVENT, hint)]


def _lock(campaign: Campaign) -> EventTrigger:
    """Until the transaction ends; events are held against it meanwhile. The campaign comes first, as where it is
    changed: an activation refers to it, and would wait for it in the end."""
    Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=campaign.pk)
    found = EventTrigger.objects.select_for_update(no_key=True, of=("self",))
    trigger = found.filter(campaign_id=campaign.pk, workspace_id=campaign.workspace_id).first()
    if trigger is None:
        message = f"Campaign {campaign.pk} has no trigger. Give it one: PATCH its `trigger`."
        raise Conflict(message, code="no_trigger")
    return trigger


def _refuse_what_cannot_be_triggered(campaign: Campaign) -> None:
    if campaign.once:
        message = f"Campaign {campaign.pk} may be executed once, and a trigger executes it each hour."
        raise Conflict(message, code="once")
    if campaign.workspace.requires_approval:
        raise Conflict(f"{APPROVAL_REQUIRED.message} {APPROVAL_REQUIRED.hint}", code=APPROVAL_REQUIRED.code)


def _create(ready: Ready, definition: dict[str, Any], request: ActivationRequest, actor: Actor) -> TriggerActivation:
    activation = TriggerActivation(**frozen_columns(ready, request), definition=definition, **authored_by(actor))
    activation.save(force_insert=True)
    activation.refresh_from_db(fields=["created_at"])
    return activation


def _record(activation: TriggerActivation, actor: Actor, action: str, **details: Any) -> None:
    record(
        workspace_id=activation.workspace_id,
        actor=actor,
        action=action,
        object_type="campaign",
        object_id=activation.campaign_id,
        object_name=activation.campaign_name,
        details={"activation_id": activation.pk, **details},
    )
