"""Events of the business: each launches an execution of its own, to the audience that its properties make."""

from collections.abc import Sequence
from typing import Any

from audiences.audience_definition import read_audience
from audiences.models import Event
from common.authorship import Actor
from common.errors import FieldError
from executions.launching.checks import source_errors
from executions.launching.launch import record_launch
from executions.launching.segment_rules import audience_at_event
from executions.models import Execution, TriggerActivation
from executions.states import State
from executions.triggering.claiming import Claimed
from executions.triggering.passing_over import Why
from executions.triggering.standing import frozen
from workspaces.audit import record

_SHOWN_ERRORS = 10
_TOLD_ERRORS = 3
_LONGEST = 1_000
_HINT = "Send the event with what the segment's rule asks for, or change the rule and activate the campaign again."


def launch_upon(activation: TriggerActivation, hit: Claimed) -> Execution | Why:
    """To be planned. Refused where the event lacks what the audience's rule asks for, or a list or an upload that it
    names is no audience any more; the audit trail says it too."""
    event = Event.objects.filter(
        workspace_id=activation.workspace_id, id=hit.event_id, received_month=hit.received_month
    ).first()
    properties = event.properties if event is not None else {}
    audience, errors = audience_at_event(activation.definition["audience"], properties)
    errors = [*errors, *source_errors(activation.workspace_id, read_audience(activation.definition["audience"]))]
    if errors:
        return _refuse(activation, hit, errors)
    execution = Execution(
        **frozen(activation),
        audience=audience,
        state=State.PLANNING,
        event=_kept(activation, hit, properties),
        event_id=hit.event_id,
    )
    execution.save(force_insert=True)
    record_launch(execution, _author(activation))
    return execution


def _kept(activation: TriggerActivation, hit: Claimed, properties: Any) -> dict[str, Any]:
    name = activation.definition["event_name"]
    return {"id": hit.event_id, "name": name, "at": hit.at.isoformat(), "properties": properties}


def _refuse(activation: TriggerActivation, hit: Claimed, errors: Sequence[FieldError]) -> Why:
    record(
        workspace_id=activation.workspace_id,
        actor=_author(activation),
        action="refused",
        object_type="campaign",
        object_id=activation.campaign_id,
        object_name=activation.campaign_name,
        details={"event_id": hit.event_id, "errors": [error.as_wire() for error in errors[:_SHOWN_ERRORS]]},
    )
    message = " ".join(error.message for error in errors[:_TOLD_ERRORS])
    return Why(errors[0].code, message[:_LONGEST], errors[0].hint or _HINT)


def _author(activation: TriggerActivation) -> Actor:
    """Who activated it launches what it launches."""
    return Actor(activation.created_by_kind, activation.created_by_id, activation.created_by_name)  # type: ignore[arg-type]
