"""The rules of frequency capping: made, changed and deleted by the API and the admin alike."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from campaigns.services import tag_rows
from campaigns.validation import tag_errors
from common.authorship import Actor, authored_by
from common.channels import Type
from common.errors import FieldError, Invalid, NotFound
from common.personalization import shown
from executions.cap_words import read_window
from executions.models import FrequencyCap
from workspaces import audit

MOST = 10_000
SHORTEST_SECONDS = 60
LONGEST_SECONDS = 30 * 86400
RULES_PER_WORKSPACE = 50
_ONCE = "cap_once"


class CapFields(TypedDict, total=False):
    """`type` and `tag` None: any; `window` in seconds, or in words such as `24h`."""

    type: str | None
    tag: str | None
    max: int
    window: int | str


def caps_of(*, workspace_id: int) -> QuerySet[FrequencyCap]:
    return FrequencyCap.objects.filter(workspace_id=workspace_id)


def get_cap(*, cap_id: int, workspace_id: int) -> FrequencyCap:
    """Raises `NotFound` outside the workspace."""
    found = caps_of(workspace_id=workspace_id).filter(pk=cap_id).first()
    if found is None:
        raise NotFound("This workspace has no such frequency cap.")
    return found


def cap_errors(fields: Mapping[str, Any]) -> list[FieldError]:
    """Everything that is wrong with a whole rule, in the words of `CapFields`."""
    errors = [*_type_errors(fields.get("type")), *_max_errors(fields.get("max")), *_window_errors(fields.get("window"))]
    if fields.get("tag"):
        errors.extend(tag_errors(str(fields["tag"]).strip(), field="tag"))
    return errors


@transaction.atomic
def create_cap(*, workspace_id: int, actor: Actor, **fields: Unpack[CapFields]) -> FrequencyCap:
    """Applies to whoever is reserved from now on. Raises `Invalid` with every error at once."""
    errors = cap_errors(fields)
    if caps_of(workspace_id=workspace_id).count() >= RULES_PER_WORKSPACE:
        message = f"A workspace has at most {RULES_PER_WORKSPACE} frequency caps."
        errors.append(FieldError("", "too_many", message, limit=RULES_PER_WORKSPACE, hint="Delete one first."))
    if errors:
        raise Invalid(errors, detail="Nothing was created.")
    cap = FrequencyCap(workspace_id=workspace_id, **authored_by(actor))
    _store(cap, fields)
    cap.refresh_from_db(fields=["created_at"])
    _record(cap, actor, "created")
    return cap


@transaction.atomic
def update_cap(*, cap_id: int, workspace_id: int, actor: Actor, **fields: Unpack[CapFields]) -> FrequencyCap:
    """What was sent before counts against the changed rule too: uses are not bound to a rule."""
    cap = caps_of(workspace_id=workspace_id).select_for_update().filter(pk=cap_id).first()
    if cap is None:
        raise NotFound("This workspace has no such frequency cap.")
    before = str(cap)
    whole = {**fields_of(cap), **fields}
    if errors := cap_errors(whole):
        raise Invalid(errors)
    _store(cap, whole)
    _record(cap, actor, "changed", before=before)
    return cap


@transaction.atomic
def delete_cap(*, cap_id: int, workspace_id: int, actor: Actor) -> None:
    cap = get_cap(cap_id=cap_id, workspace_id=workspace_id)
    _record(cap, actor, "deleted")
    cap.delete()


def fields_of(cap: FrequencyCap) -> dict[str, Any]:
    return {"type": cap.type or None, "tag": cap.tag or None, "max": cap.max, "window": cap.window_seconds}


def _store(cap: FrequencyCap, fields: Mapping[str, Any]) -> None:
    cap.type = fields.get("type") or ""
    cap.tag = _spelling(cap.workspace_id, (fields.get("tag") or "").strip())
    cap.max = fields["max"]
    cap.window_seconds = read_window(fields["window"]) or 0
    try:
        with transaction.atomic():
            cap.save()
    except IntegrityError as error:
        if _ONCE not in str(error):
            raise
        message = "There is a cap for this type, tag and window already."
        raise Invalid([FieldError("window", "duplicate", message, hint="Change that one with PATCH.")]) from None


def _spelling(workspace_id: int, tag: str) -> str:
    """A tag's one spelling in the workspace; made if new, so that later campaigns take it over."""
    return tag_rows(workspace_id, [tag])[0].name if tag else ""


def _type_errors(given: Any) -> list[FieldError]:
    if not given or given in Type.values:
        return []
    hint = f"One of: {', '.join(Type.values)}; or null for any."
    return [FieldError("type", "unknown_choice", f'There is no type "{shown(given)}".', shown(given), hint=hint)]


def _max_errors(given: Any) -> list[FieldError]:
    if given is None:
        return [FieldError("max", "required", "Say how many messages a contact may get.", hint="Send max.")]
    if not 1 <= given <= MOST:
        code, limit = ("too_small", 1) if given < 1 else ("too_large", MOST)
        return [FieldError("max", code, f"A cap lets 1 to {MOST} messages through.", given, limit)]
    return []


def _window_errors(given: Any) -> list[FieldError]:
    hint = "Seconds, or words such as 90m, 24h or 7d."
    if given is None:
        return [FieldError("window", "required", "Say in what time.", hint=hint)]
    seconds = read_window(given)
    if seconds is None:
        return [FieldError("window", "invalid", "This is not a length of time.", shown(given), hint=hint)]
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        code, limit = ("too_small", "1m") if seconds < SHORTEST_SECONDS else ("too_large", "30d")
        return [FieldError("window", code, "A window is a minute to 30 days long.", shown(given), limit, hint)]
    return []


def _record(cap: FrequencyCap, actor: Actor, action: str, **details: Any) -> None:
    audit.record(
        workspace_id=cap.workspace_id,
        actor=actor,
        action=action,
        object_type="frequency_cap",
        object_id=cap.pk,
        object_name=str(cap),
        details=details,
    )
