"""Launching a campaign: everything about it is frozen into an execution, in one transaction.

Nothing is sent here. The caller enqueues the plan when the transaction has committed
(`executions.enqueue.enqueue_plan`), and the sweep finds the execution if that is lost.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from audiences.audience_definition import AudienceDefinition, read_audience
from campaigns.models import Campaign
from common.authorship import Actor, authored_by
from common.errors import Conflict, FieldError, Invalid
from executions.launching.checks import Ready, audience_empty, database_time, gather, has_people, launch_errors
from executions.launching.frozen import frozen_columns
from executions.launching.inline_audience import InlineReport, store, take_in
from executions.launching.moments import Moments, read_moments
from executions.launching.request import LaunchRequest
from executions.launching.segment_rules import with_rules
from executions.models import Execution
from executions.states import State
from workspaces.audit import record

NOTHING_LAUNCHED = "Nothing was launched."
EMPTY = "audience_empty"
_ONCE = "execution_once_where_asked"


@dataclass(frozen=True, slots=True)
class Launched:
    """`moments` as they were asked for: a rule by which it recurs, too."""

    execution: Execution
    report: InlineReport
    moments: Moments


def launch(*, campaign: Campaign, request: LaunchRequest, actor: Actor) -> Launched:
    """Makes an execution. Raises Invalid with every field error at once; Conflict for a campaign that is
    archived, or that may be executed only once and was."""
    with transaction.atomic():
        launched = freeze(campaign=campaign, request=request, actor=actor)
        record_launch(launched.execution, actor)
    return launched


def record_launch(execution: Execution, actor: Actor) -> None:
    """In the audit trail."""
    record(
        workspace_id=execution.workspace_id,
        actor=actor,
        action="launched",
        object_type="execution",
        object_id=execution.pk,
        object_name=execution.campaign_name,
        details={
            "campaign_id": execution.campaign_id,
            "state": execution.state,
            "audience": execution.audience,
            "frequency_capping": execution.frequency_capping,
            "rate_per_minute": execution.rate_per_minute,
            **({"schedule_id": execution.schedule_id} if execution.schedule_id else {}),
        },
    )


@dataclass(frozen=True, slots=True)
class RunOf:
    """Of a schedule; `wall` is the run's time as the clocks of its zone show it."""

    schedule_id: int
    wall: datetime


def freeze(
    *,
    campaign: Campaign,
    request: LaunchRequest,
    actor: Actor,
    once: bool | None = None,
    run_of: RunOf | None = None,
) -> Launched:
    """Writes the execution and its inline audience; belongs inside a transaction, which a dry run rolls back.

    `once` given overrules the campaign's: a dry run is no second execution. A run of a schedule may have nobody in
    its audience, and may be late.
    """
    ready = gather(campaign.pk)
    audience = with_rules(ready.campaign.workspace_id, read_audience(request.audience))
    moments = read_moments(
        workspace=ready.campaign.workspace, request=request, now=database_time(), late=run_of is not None
    )
    errors = [*launch_errors(ready, request, audience, may_be_empty=run_of is not None), *moments.errors]
    report = take_in(workspace_id=ready.campaign.workspace_id, audience=audience)
    errors.extend(_inline_errors(audience, report, strict=request.strict))
    refuse(errors)
    once = ready.campaign.once if once is None else once
    execution = _create(ready, request, audience, report, moments, actor, once=once, run_of=run_of)
    if audience.contacts is not None:
        store(execution_id=execution.pk, report=report)
        if not has_people(workspace_id=execution.workspace_id, audience=audience.stored, execution_id=execution.pk):
            refuse([audience_empty()])
    return Launched(execution, report, moments)


def refuse(errors: list[FieldError]) -> None:
    """Raises what is wrong; an empty audience, when it is all that is wrong, names the whole problem."""
    if not errors:
        return
    invalid = Invalid(errors, detail=NOTHING_LAUNCHED)
    if {error.code for error in errors} == {EMPTY}:
        invalid.code = EMPTY
    raise invalid


def _inline_errors(audience: AudienceDefinition, report: InlineReport, *, strict: bool) -> list[FieldError]:
    if audience.contacts is None:
        return []
    if strict and report.rejected:
        return report.errors()
    return [] if report.accepted else [audience_empty(), *report.errors()]


def _create(
    ready: Ready,
    request: LaunchRequest,
    audience: AudienceDefinition,
    report: InlineReport,
    moments: Moments,
    actor: Actor,
    *,
    once: bool,
    run_of: RunOf | None,
) -> Execution:
    columns = moments.columns(ready.campaign.workspace)
    execution = Execution(
        **frozen_columns(ready, request),
        audience=audience.stored,
        once=once,
        schedule_id=run_of.schedule_id if run_of else None,
        schedule_run=run_of.wall if run_of else None,
        rejected=report.rejected,
        accepted_count=report.accepted,
        duplicate_count=report.duplicates,
        state=first_state(ready.campaign, columns["scheduled_for"]),
        **columns,
        **authored_by(actor),
    )
    _insert(execution)
    return execution


def first_state(campaign: Campaign, scheduled_for: datetime | None) -> State:
    """Where the workspace asks for approval nothing moves before it, whatever the time."""
    if campaign.workspace.requires_approval:
        return State.AWAITING_APPROVAL
    return State.SCHEDULED if scheduled_for is not None and scheduled_for > database_time() else State.PLANNING


def _insert(execution: Execution) -> None:
    try:
        with transaction.atomic():
            execution.save(force_insert=True)
    except IntegrityError as error:
        if _ONCE not in str(error):
            raise
        message = f"Campaign {execution.campaign_id} may be executed once, and it was."
        raise Conflict(message, code="already_executed") from None
    execution.refresh_from_db(fields=["created_at", "launched_on"])
