"""Ends an execution when nothing of it is left to do."""

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from executions.models import Lane
from executions.states import BatchState

_COMPLETE = SQL("""
    e.id = {id} AND state IN ('running', 'cancelling') AND size IS NOT NULL
        AND (accepts_until IS NULL OR accepts_until <= clock_timestamp() OR state = 'cancelling')
        AND NOT EXISTS (SELECT FROM executions_batch b WHERE b.execution_id = e.id AND b.state <> {closed})
        AND size = (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(planned_skips))
            + (SELECT coalesce(sum(sent + skipped + failed + unknown), 0) FROM executions_batch b
                WHERE b.execution_id = e.id)
""")


def finish_if_complete(execution_id: int) -> bool:
    """One UPDATE decides: no batch is open, and what is recorded adds up to the size. True if this call ended it."""
    complete = _COMPLETE.format(id=Literal(execution_id), closed=Literal(BatchState.CLOSED.value))
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT FROM executions_execution e WHERE {}").format(complete))
        if not cursor.rowcount:
            return False
    return _finish(execution_id, complete)


@transaction.atomic
def _finish(execution_id: int, complete: Composable) -> bool:
    """Under the lock that whoever opens another batch of it holds, and by what is there once we have it: an UPDATE
    that had to wait for it would still not see that batch."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM executions_execution WHERE id = %s FOR NO KEY UPDATE", [execution_id])
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET state = CASE state WHEN 'running' THEN 'finished' ELSE 'cancelled' END,
                finished_at = clock_timestamp(), state_reason = NULL
            WHERE {}
            """).format(complete)
        )
        if not cursor.rowcount:
            return False
    Lane.objects.filter(execution_id=execution_id).delete()
    return True
