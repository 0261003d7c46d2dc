"""What may still be sent to the people of an upload: the launches that name it, and the messages under way."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from psycopg.sql import SQL, Literal

from executions.models import Batch, Execution
from executions.states import ENDED, BatchState, State

_AHEAD = (State.AWAITING_APPROVAL, State.SCHEDULED)


class Use(NamedTuple):
    """`live`: an execution that is not over, a schedule or an active trigger names it. `ended_at`: of the last one."""

    live: bool
    ended_at: datetime | None


def use_of(*, upload_id: int, workspace_id: int) -> Use:
    """Named as audience or to be left out, which must not get wider either; retries are of what they retry."""
    named = {"id": Literal(upload_id), "digits": Literal(str(upload_id))}
    query = _USE.format(
        workspace=Literal(workspace_id),
        ended=Literal(list(ENDED)),
        execution=_NAMES.format(definition=SQL("audience"), **named),
        schedule=_NAMES.format(definition=SQL("request"), **named),
        activation=_NAMES.format(definition=SQL("definition"), **named),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return Use(*cursor.fetchone())


def awaited(*, workspace_id: int, contact_ids: Sequence[int]) -> set[int]:
    """Which of the contacts an execution may still send to, whatever its audience: everybody while one is planned.

    One that is not planned yet will have whoever is there then.
    """
    live = Execution.objects.filter(workspace_id=workspace_id).exclude(state__in=ENDED)
    if live.exclude(state__in=_AHEAD).filter(plan_until__isnull=False, size=None).exists():
        return set(contact_ids)
    batches = Batch.objects.filter(execution__in=live).exclude(state=BatchState.CLOSED)
    open_ids = list(batches.values_list("pk", flat=True))
    if not open_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_IN_BATCHES, [open_ids, list(contact_ids)])
        return {contact_id for (contact_id,) in cursor.fetchall()}


_NAMES = SQL("""
    jsonb_path_exists({definition}, '$.** ? (@.type == "upload" && (@.id == $id || @.id == $digits))',
        jsonb_build_object('id', {id}::bigint, 'digits', {digits}::text))
""")
_USE = SQL("""
WITH RECURSIVE used AS (
    SELECT id, state, coalesce(finished_at, created_at) AS ended_at FROM executions_execution
    WHERE workspace_id = {workspace} AND {execution}
    UNION
    SELECT e.id, e.state, coalesce(e.finished_at, e.created_at) FROM executions_execution e
    JOIN used ON e.retry_of_id = used.id
)
SELECT EXISTS (SELECT FROM used WHERE state <> ALL ({ended}))
    OR EXISTS (SELECT FROM executions_schedule WHERE workspace_id = {workspace} AND state IN ('active', 'paused')
        AND {schedule})
    OR EXISTS (SELECT FROM executions_triggeractivation WHERE workspace_id = {workspace} AND emptied_at IS NULL
        AND {activation}),
    (SELECT max(ended_at) FROM used)
""")
_IN_BATCHES = """
SELECT DISTINCT one FROM executions_batchrecipients b, unnest(b.contact_ids) one
WHERE b.batch_id = ANY(%s) AND one = ANY(%s)
"""
