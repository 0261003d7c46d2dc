"""What can be done to segments."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models.functions import Now

from audiences.models import Segment
from audiences.segments.event_references import event_properties, needs_event
from audiences.segments.reading import Rule, RuleReading, read_rule
from audiences.segments.references import reference_errors
from audiences.segments.selectors import NO_SUCH_SEGMENT
from audiences.segments.with_event import with_event
from common.authorship import Actor, authored_by
from common.errors import Conflict, FieldError, Invalid, NotFound
from workspaces import audit

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500
_USES_NAMED = 5
_EVENT_HINT = 'POST an example of the event\'s properties: {"event": {"sku": "A-1"}}.'


@transaction.atomic
def create_segment(*, workspace_id: int, name: str, rule: Any, description: str = "", actor: Actor) -> Segment:
    """Raises `Invalid` with everything that is wrong with name, description and rule."""
    reading = judged_rule(workspace_id=workspace_id, rule=rule)
    _refuse([*_wrong_texts(name, description), *reading.errors], "Nothing was created.")
    made = Segment.objects.create(
        workspace_id=workspace_id,
        name=name.strip(),
        description=description.strip(),
        rule=reading.rule,
        **authored_by(actor),
    )
    made.refresh_from_db(fields=["created_at", "updated_at"])
    _record(made, actor, "created", rule=reading.rule)
    return made


@transaction.atomic
def update_segment(
    *,
    segment_id: int,
    workspace_id: int,
    name: str | None = None,
    description: str | None = None,
    rule: Any = None,
    actor: Actor,
) -> Segment:
    """Changes what is given. What was launched before keeps the rule that it was launched with."""
    found = _locked(segment_id, workspace_id, no_key=True)
    name = found.name if name is None else name
    description = found.description if description is None else description
    reading = judged_rule(workspace_id=workspace_id, rule=rule) if rule is not None else RuleReading(found.rule)
    _refuse([*_wrong_texts(name, description), *reading.errors], "Nothing was changed.")
    changes: dict[str, Any] = {"rule": reading.rule} if reading.rule != found.rule else {}
    found.name, found.description, found.rule = name.strip(), description.strip(), reading.rule
    found.updated_at = Now()
    found.save(update_fields=["name", "description", "rule", "updated_at"])
    found.refresh_from_db(fields=["updated_at"])
    _record(found, actor, "changed", **changes)
    return found


def rules_for_launch(*, workspace_id: int, segment_ids: Sequence[int]) -> dict[int, Rule]:
    """By id, those that there are. They can't be deleted until the transaction of the launch ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, rule::text FROM audiences_segment WHERE workspace_id = %s AND id = ANY (%s::bigint[])"
            " ORDER BY id FOR KEY SHARE",
            [workspace_id, list(segment_ids)],
        )
        return {pk: orjson.loads(rule) for pk, rule in cursor.fetchall()}


@transaction.atomic
def delete_segment(*, segment_id: int, workspace_id: int, actor: Actor) -> None:
    """Raises `Conflict` naming the executions that it is the audience of, as long as they are not over, and the
    campaigns whose trigger launches to it, as long as they are not archived."""
    found = _locked(segment_id, workspace_id)
    if uses := uses_of(segment_id=segment_id, workspace_id=workspace_id):
        shown = ", ".join(uses[:_USES_NAMED]) + (f" and {len(uses) - _USES_NAMED} more" * (len(uses) > _USES_NAMED))
        raise Conflict(
            f"Segment {segment_id} is in use by {shown}. Cancel an execution or wait until it is finished; cancel "
            "a schedule; give a campaign's trigger another audience.",
            code="in_use",
        )
    _record(found, actor, "deleted", rule=found.rule)
    found.delete()


def judged_rule(*, workspace_id: int, rule: Any) -> RuleReading:
    """Read, and what it names looked up; `errors` says everything that is wrong."""
    reading = read_rule(rule)
    reading.errors.extend(reference_errors(workspace_id=workspace_id, references=reading.references))
    return reading


def fit_rule(*, workspace_id: int, rule: Any, event: Mapping[str, Any] | None = None) -> Rule:
    """Ready to be asked; `event` is an example of the properties that it refers to. Raises `Invalid`."""
    reading = judged_rule(workspace_id=workspace_id, rule=rule)
    _refuse(reading.errors, "Nothing was counted.")
    return filled_rule(rule=reading.rule, event=event)


def filled_rule(*, rule: Rule, event: Mapping[str, Any] | None) -> Rule:
    """A rule that was read before, with the event's values in it. Raises `Invalid`: `needs_event` without an event."""
    properties = event_properties(rule)
    if properties and event is None:
        _refuse([needs_event(properties, hint=_EVENT_HINT)], "Nothing was counted.")
    filled = with_event(rule, event or {})
    _refuse(filled.errors, "Nothing was counted.")
    return filled.rule


# Executions are another app's, above this one. A launch locks the segments that it names before it writes itself.
_USES = """
SELECT id, state FROM executions_execution
WHERE workspace_id = %s AND state NOT IN ('finished', 'cancelled', 'rejected', 'failed')
    AND (audience @> %s::jsonb OR audience -> 'sources' @> %s::jsonb OR audience -> 'exclude' @> %s::jsonb)
ORDER BY id
"""
_SCHEDULES = """
SELECT id, state FROM executions_schedule
WHERE workspace_id = %s AND state IN ('active', 'paused')
    AND (request -> 'audience' @> %s::jsonb OR request #> '{audience,sources}' @> %s::jsonb
        OR request #> '{audience,exclude}' @> %s::jsonb)
ORDER BY id
"""
_TRIGGERS = """
SELECT t.campaign_id FROM audiences_eventtrigger t JOIN campaigns_campaign c ON c.id = t.campaign_id
WHERE t.workspace_id = %s AND c.state <> 'archived'
    AND (t.audience @> %s::jsonb OR t.audience -> 'sources' @> %s::jsonb OR t.audience -> 'exclude' @> %s::jsonb)
ORDER BY t.campaign_id
"""


def uses_of(*, segment_id: int, workspace_id: int) -> list[str]:
    """`execution 50001 (scheduled)`, for each that is not over and has the segment in its audience; then the
    `trigger of campaign 10001`."""
    source = f'{{"type": "segment", "id": {int(segment_id)}}}'
    with connection.cursor() as cursor:
        given: list[Any] = [workspace_id, source, f"[{source}]", f"[{source}]"]
        cursor.execute(_USES, given)
        found = [f"execution {pk} ({state})" for pk, state in cursor.fetchall()]
        cursor.execute(_SCHEDULES, given)
        found += [f"schedule {pk} ({state})" for pk, state in cursor.fetchall()]
        cursor.execute(_TRIGGERS, given)
        return found + [f"the trigger of campaign {pk}" for (pk,) in cursor.fetchall()]


def _locked(segment_id: int, workspace_id: int, *, no_key: bool = False) -> Segment:
    found = Segment.objects.select_for_update(no_key=no_key).filter(pk=segment_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound(NO_SUCH_SEGMENT)
    return found


def _wrong_texts(name: str, description: str) -> list[FieldError]:
    errors = []
    if not name.strip():
        errors.append(FieldError("name", "required", "A segment has a name."))
    for field, text, limit in (("name", name, NAME_LENGTH), ("description", description, DESCRIPTION_LENGTH)):
        if len(text.strip()) > limit:
            message = f"A segment's {field} has at most {limit} characters; this has {len(text.strip())}."
            errors.append(FieldError(field, "too_long", message, text[:200], limit, "Shorten it."))
    return errors


def _refuse(errors: list[FieldError], detail: str) -> None:
    if errors:
        raise Invalid(errors, detail=detail)


def _record(found: Segment, actor: Actor, action: str, **details: object) -> None:
    audit.record(
        workspace_id=found.workspace_id,
        actor=actor,
        action=action,
        object_type="segment",
        object_id=found.pk,
        object_name=found.name,
        details=details,
    )
