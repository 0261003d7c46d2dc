"""Ends executions when nothing of them is left to do."""

from collections.abc import Sequence

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from executions.models import Lane
from executions.states import BatchState

_COMPLETE = SQL("""
    e.id = ANY ({ids}::bigint[]) AND state IN ('running', 'cancelling') AND size IS NOT NULL
        AND (accepts_until IS NULL OR accepts_until <= clock_timestamp() OR state = 'cancelling')
        AND NOT EXISTS (SELECT FROM executions_batch b WHERE b.execution_id = e.id AND b.state <> {closed})
        AND size = (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(planned_skips))
            + (SELECT coalesce(sum(sent + skipped + failed + unknown), 0) FROM executions_batch b
                WHERE b.execution_id = e.id)
""")


def finish_if_complete(execution_id: int) -> bool:
    """True if this call ended it."""
    return bool(finish_complete([execution_id]))


def finish_complete(execution_ids: Sequence[int]) -> Sequence[int]:
    """One UPDATE decides: no batch is open, and what is recorded adds up to the size. Which of them this call ended.

    At the end of an hour that is the execution of every trigger of every workspace.
    """
    if not execution_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT id FROM executions_execution e WHERE {}").format(_complete(execution_ids)))
        found = [row[0] for row in cursor.fetchall()]
    return _finish(found) if found else []


@transaction.atomic
def _finish(execution_ids: Sequence[int]) -> Sequence[int]:
    """Under the lock that whoever opens another batch of one holds, and by what is there once we have it: an UPDATE
    that had to wait for it would still not see that batch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM executions_execution WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(execution_ids)]
        )
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET state = CASE state WHEN 'running' THEN 'finished' ELSE 'cancelled' END,
                finished_at = clock_timestamp(), state_reason = NULL
            WHERE {} RETURNING id
            """).format(_complete(execution_ids))
        )
        ended = [row[0] for row in cursor.fetchall()]
    Lane.objects.filter(execution_id__in=ended).delete()
    return ended


def _complete(execution_ids: Sequence[int]) -> Composable:
    return _COMPLETE.format(ids=Literal(list(execution_ids)), closed=Literal(BatchState.CLOSED.value))
