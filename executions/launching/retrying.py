"""Retrying what failed: one linked execution over the rows of an ended one, with the same content.

It is a launch like any other: approval, consent, suppression and caps are asked anew. Who is tried again is read
when it is planned (`executions.delivery.retried`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection, transaction
from psycopg.sql import SQL, Composable

from common.authorship import Actor, authored_by
from common.errors import Conflict
from executions.delivery.classify import GREATEST_ID
from executions.delivery.own_personalization import personalized_uploads
from executions.delivery.retried import RETRY, failed_of
from executions.launching.checks import Ready, gather, route_errors, share_uploads
from executions.launching.launch import first_state, record_launch, refuse
from executions.locks import lock_execution
from executions.models import Execution
from executions.states import Outcome, State

RETRIABLE = (Outcome.FAILED.label, Outcome.UNKNOWN.label)
DEFAULT = (Outcome.FAILED.label,)
OVER = frozenset({State.FINISHED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Retry:
    """`made` is False where there was one already: then it is answered as it is."""

    execution: Execution
    made: bool


@transaction.atomic
def retry_failed(*, execution_id: int, workspace_id: int, actor: Actor, include: Sequence[str] = DEFAULT) -> Retry:
    """`include`: which of `RETRIABLE`. Raises NotFound, Conflict where it is not over or nobody is left to try,
    and Invalid for what would keep it from being launched."""
    original = lock_execution(execution_id=execution_id, workspace_id=workspace_id)
    made = Execution.objects.filter(retry_of=original).first()
    if made is not None:
        return Retry(made, made=False)
    _refuse_unless_over(original)
    _refuse_without_recipients(original, include)
    _refuse_without_words(original)
    ready = gather(original.campaign_id)
    refuse(route_errors(replace(ready, sender=original.sender, app_ids=original.app_ids)))
    execution = _create(original, ready, include, actor)
    _copy_personalization(original, execution)
    record_launch(execution, actor)
    return Retry(execution, made=True)


def count_to_retry(*, execution_id: int, include: Sequence[str]) -> int:
    """How many recipients a retry would be for, by the ledger."""
    return _ask(SQL("SELECT count(*) FROM {} r"), execution_id, include)


def _refuse_unless_over(original: Execution) -> None:
    if original.state not in OVER:
        state = State(original.state).label.lower()
        raise Conflict(f"Execution {original.pk} is {state}; only a finished or a cancelled one is retried.")


def _refuse_without_recipients(original: Execution, include: Sequence[str]) -> None:
    if not _ask(SQL("SELECT EXISTS (SELECT FROM {} r)"), original.pk, include):
        words = " or ".join(include)
        raise Conflict(f"Execution {original.pk} has no {words} delivery to try again.", code="nothing_to_retry")


def _refuse_without_words(original: Execution) -> None:
    """What an upload said to its people lies in it, and goes with it: the retry would say something else."""
    named = personalized_uploads(original.audience)
    for upload in share_uploads(original.workspace_id, named).values() if named else ():
        if upload.purging_at is not None and not upload.keep:
            message = f"Upload {upload.pk} said something to each of its people, and that was deleted with them."
            raise Conflict(f"{message} Upload the file again, and launch to it.", code="purged")


def _ask(question: SQL, execution_id: int, include: Sequence[str]) -> int:
    found: Composable = failed_of(execution_id, include).recipients(where=SQL("TRUE"))
    with connection.cursor() as cursor:
        cursor.execute(question.format(found))
        return int(cursor.fetchone()[0])


def _create(original: Execution, ready: Ready, include: Sequence[str], actor: Actor) -> Execution:
    """What was frozen stays; the provider is the workspace's present one, as the other may be why it failed."""
    if ready.provider is None:
        raise AssertionError("route_errors lets nothing through that lacks it")
    execution = Execution(
        workspace_id=original.workspace_id,
        campaign_id=original.campaign_id,
        campaign_name=original.campaign_name,
        type=original.type,
        app_ids=original.app_ids,
        tags=original.tags,
        template_version_id=original.template_version_id,
        sender_id=original.sender_id,
        provider=ready.provider,
        purpose=original.purpose,
        on_cap=original.on_cap,
        on_unknown=original.on_unknown,
        audience={"type": RETRY, "execution_id": original.pk, "include": list(include), "exclude": []},
        frequency_capping=original.frequency_capping,
        campaign_personalization=original.campaign_personalization,
        personalization=original.personalization,
        once=original.once,
        rate_per_minute=original.rate_per_minute,
        activation_id=original.activation_id,
        event=original.event,
        retry_of=original,
        state=first_state(ready.campaign, None),
        # The ledger names its contacts, also those that were deleted: none may be greater.
        plan_until=GREATEST_ID,
        **authored_by(actor),
    )
    execution.save(force_insert=True)
    execution.refresh_from_db(fields=["created_at", "launched_on"])
    return execution


def _copy_personalization(original: Execution, execution: Execution) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_recipientdata (execution_id, contact_id, personalization, event)"
            " SELECT %s, contact_id, personalization, event FROM executions_recipientdata WHERE execution_id = %s",
            [execution.pk, original.pk],
        )
