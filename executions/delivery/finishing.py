"""Ends an execution when nothing of it is left to do."""

from django.db import connection
from psycopg.sql import SQL, Literal

from executions.models import Lane
from executions.states import BatchState


def finish_if_complete(execution_id: int) -> bool:
    """One UPDATE decides: no batch is open, and what is recorded adds up to the size. True if this call ended it."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("""
            UPDATE executions_execution e SET state = CASE state WHEN 'running' THEN 'finished' ELSE 'cancelled' END,
                finished_at = clock_timestamp(), state_reason = NULL
            WHERE id = {id} AND state IN ('running', 'cancelling') AND size IS NOT NULL
                AND NOT EXISTS (SELECT FROM executions_batch b WHERE b.execution_id = e.id AND b.state <> {closed})
                AND size = (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(planned_skips))
                    + (SELECT coalesce(sum(sent + skipped + failed + unknown), 0) FROM executions_batch b
                        WHERE b.execution_id = e.id)
            """).format(id=Literal(execution_id), closed=Literal(BatchState.CLOSED.value))
        )
        if not cursor.rowcount:
            return False
    Lane.objects.filter(execution_id=execution_id).delete()
    return True
