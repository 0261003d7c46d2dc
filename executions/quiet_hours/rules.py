"""A workspace's quiet hours: made, changed and deleted by the API and the admin alike.

A change holds from the next turn of each lane on, and who waits for the end of quiet hours is judged anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from common.authorship import Actor, authored_by
from common.channels import Type
from common.errors import FieldError, Invalid, NotFound
from common.personalization import shown
from executions.models import QuietHours, QuietPolicy
from executions.quiet_hours.hours import never_end
from executions.quiet_hours.words import DAY_NAMES, clock, day_names, read_clock
from executions.states import BatchState, SkipReason
from workspaces import audit
from workspaces.models import Workspace

RULES_PER_WORKSPACE = 20
_ONCE = "quiet_hours_once"
_CLOCK_HINT = "Hours and minutes, for example 22:00."


class QuietFields(TypedDict, total=False):
    """`type` None: any. `starts` and `ends` on a wall clock: `22:00`. `days` None: all; else names such as `monday`."""

    type: str | None
    starts: str
    ends: str
    days: Sequence[str] | None
    policy: str


def quiet_hours_of(*, workspace_id: int) -> QuerySet[QuietHours]:
    return QuietHours.objects.filter(workspace_id=workspace_id)


def get_quiet_hours(*, quiet_id: int, workspace_id: int) -> QuietHours:
    """Raises `NotFound` outside the workspace."""
    return _found(quiet_hours_of(workspace_id=workspace_id), quiet_id)


def quiet_errors(fields: Mapping[str, Any]) -> list[FieldError]:
    """Everything that is wrong with whole quiet hours, in the words of `QuietFields`."""
    errors = [
        *_type_errors(fields.get("type")),
        *_clock_errors("starts", fields.get("starts")),
        *_clock_errors("ends", fields.get("ends")),
        *_day_errors(fields.get("days")),
        *_policy_errors(fields.get("policy")),
    ]
    return errors or _length_errors(fields)


@transaction.atomic
def create_quiet_hours(*, workspace_id: int, actor: Actor, **fields: Unpack[QuietFields]) -> QuietHours:
    """Raises `Invalid` with every error at once."""
    _lock(workspace_id)
    errors = quiet_errors(fields)
    if quiet_hours_of(workspace_id=workspace_id).count() >= RULES_PER_WORKSPACE:
        message = f"A workspace has at most {RULES_PER_WORKSPACE} quiet hours."
        errors.append(FieldError("", "too_many", message, limit=RULES_PER_WORKSPACE, hint="Delete some first."))
    if errors:
        raise Invalid(errors, detail="Nothing was created.")
    made = QuietHours(workspace_id=workspace_id, **authored_by(actor))
    _store(made, fields)
    made.refresh_from_db(fields=["created_at"])
    _record(made, actor, "created")
    return made


@transaction.atomic
def update_quiet_hours(*, quiet_id: int, workspace_id: int, actor: Actor, **fields: Unpack[QuietFields]) -> QuietHours:
    """Raises `Invalid` and `NotFound`."""
    _lock(workspace_id)
    found = _found(quiet_hours_of(workspace_id=workspace_id), quiet_id)
    before = str(found)
    whole = {**fields_of(found), **fields}
    if errors := quiet_errors(whole):
        raise Invalid(errors)
    _store(found, whole)
    _record(found, actor, "changed", before=before)
    _judge_anew(workspace_id)
    return found


@transaction.atomic
def delete_quiet_hours(*, quiet_id: int, workspace_id: int, actor: Actor) -> None:
    _lock(workspace_id)
    found = get_quiet_hours(quiet_id=quiet_id, workspace_id=workspace_id)
    _record(found, actor, "deleted")
    found.delete()
    _judge_anew(workspace_id)


def fields_of(found: QuietHours) -> dict[str, Any]:
    return {
        "type": found.type or None,
        "starts": clock(found.starts),
        "ends": clock(found.ends),
        "days": day_names(found.days),
        "policy": found.policy,
    }


def _found(among: QuerySet[QuietHours], quiet_id: int) -> QuietHours:
    found = among.filter(pk=quiet_id).first()
    if found is None:
        raise NotFound("This workspace has no such quiet hours.")
    return found


def _lock(workspace_id: int) -> None:
    """Two changes that together leave no minute of the week must not pass each other."""
    Workspace.objects.select_for_update(no_key=True).only("pk").get(pk=workspace_id)


def _judge_anew(workspace_id: int) -> None:
    """Whoever waits for the end of quiet hours may go now, or only later: their next chunk says.

    In recipients' local time only once their hour has come everywhere, as it lay in quiet hours: a chunk would not
    know of an hour that is still to come.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE executions_batch SET not_before = clock_timestamp()
            WHERE state = %(open)s AND reason = %(quiet)s AND lease_token IS NULL AND not_before > clock_timestamp()
                AND execution_id IN (SELECT id FROM executions_execution
                    WHERE workspace_id = %(workspace)s AND state IN ('planning', 'running', 'paused')
                    AND (local_time IS NULL OR clock_timestamp() > greatest(
                        local_time AT TIME ZONE 'UTC' + interval '12 hours', planning_began_at + interval '26 hours')))
            """,
            {"open": BatchState.OPEN.value, "quiet": SkipReason.QUIET_HOURS.value, "workspace": workspace_id},
        )


def _store(made: QuietHours, fields: Mapping[str, Any]) -> None:
    made.type = fields.get("type") or ""
    made.starts, made.ends = read_clock(fields["starts"]) or 0, read_clock(fields["ends"]) or 0
    made.days = sorted({_day(name) or 0 for name in fields.get("days") or DAY_NAMES})
    made.policy = fields.get("policy") or QuietPolicy.HOLD
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        if _ONCE not in str(error):
            raise
        message = "There are quiet hours for this type at these times already."
        raise Invalid([FieldError("starts", "duplicate", message, hint="Change those with PATCH.")]) from None
    _refuse_endless(made.workspace_id)


def _refuse_endless(workspace_id: int) -> None:
    """All that apply to a type, taken together."""
    rules = list(quiet_hours_of(workspace_id=workspace_id))
    for type in Type.values:
        if never_end(one.hours for one in rules if one.type in ("", type)):
            message = (
                f"With the other quiet hours no minute of the week would be left for {type}: nobody would be sent to."
            )
            raise Invalid([FieldError("ends", "never_ends", message, hint="Shorten one of them.")])


def _type_errors(given: Any) -> list[FieldError]:
    if not given or given in Type.values:
        return []
    hint = f"One of: {', '.join(Type.values)}; or null for any."
    return [FieldError("type", "unknown_choice", f'There is no type "{shown(given)}".', shown(given), hint=hint)]


def _clock_errors(field: str, given: Any) -> list[FieldError]:
    if given is None or given == "":
        return [FieldError(field, "required", f"Say when the quiet hours {field[:-1]}.", hint=_CLOCK_HINT)]
    if read_clock(str(given)) is None:
        return [FieldError(field, "invalid", "This is not a time of day.", shown(given), "24:00", _CLOCK_HINT)]
    return []


def _day_errors(given: Any) -> list[FieldError]:
    if given is None:
        return []
    if not given:
        message = "Quiet hours begin on at least one day."
        return [FieldError("days", "required", message, hint="Leave days out for every day.")]
    hint = f"Some of: {', '.join(DAY_NAMES)}."
    return [
        FieldError(f"days[{place}]", "unknown_choice", f'There is no day "{shown(name)}".', shown(name), hint=hint)
        for place, name in enumerate(given)
        if _day(name) is None
    ]


def _day(name: Any) -> int | None:
    """Short names too: `mon`."""
    lowered = str(name).strip().lower()
    for number, known in enumerate(DAY_NAMES, 1):
        if lowered in (known, known[:3]):
            return number
    return None


def _policy_errors(given: Any) -> list[FieldError]:
    if not given or given in QuietPolicy.values:
        return []
    hint = f"One of: {', '.join(QuietPolicy.values)}."
    return [FieldError("policy", "unknown_choice", f'There is no policy "{shown(given)}".', shown(given), hint=hint)]


def _length_errors(fields: Mapping[str, Any]) -> list[FieldError]:
    if read_clock(fields["starts"]) != read_clock(fields["ends"]):
        return []
    message = "They would begin when they end, and so last for the whole day."
    return [FieldError("ends", "never_ends", message, fields["ends"], hint="Let them end at another time.")]


def _record(found: QuietHours, actor: Actor, action: str, **details: Any) -> None:
    audit.record(
        workspace_id=found.workspace_id,
        actor=actor,
        action=action,
        object_type="quiet_hours",
        object_id=found.pk,
        object_name=str(found),
        details=details,
    )
