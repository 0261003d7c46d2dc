"""The steps of a planner: transactions that nobody takes the execution away from, however long they last.

Freezing a huge audience, or a page on a loaded machine, takes longer than a planner's lease. A successor that came
then would begin the same long statement anew, and the next one again. So each step holds a lock of the execution's
plan, and only who gets that lock may take the lease. It ends with the transaction, and so with the connection of a
planner that dies: PostgreSQL looks every second whether the planner is still there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.sql import SQL, Composed, Literal

from executions.delivery.leases import LET_GO_IF_SILENT, PLAN_LEASE_SECONDS, lease_end

_NOTICE_DEATH = "SET LOCAL client_connection_check_interval = '1s'"


def plan_lock(execution_id: int) -> Composed:
    """The key of an advisory lock."""
    return SQL("hashtextextended({}, 0)").format(Literal(f"volley.plan:{execution_id}"))


@contextmanager
def step(execution_id: int, token: UUID) -> Iterator[Any]:
    """A transaction under the plan's lock: its cursor, or None where the plan is another's now, or not to be made.

    The lock is not waited for for long: who holds it in a step has the token too, and then it is not ours.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{LET_GO_IF_SILENT}; {_NOTICE_DEATH}")
        cursor.execute(SQL("SELECT pg_advisory_xact_lock({})").format(plan_lock(execution_id)))
        cursor.execute(_HELD, [execution_id, token])
        yield cursor if cursor.fetchone() else None


_HELD = """
    SELECT id FROM executions_execution
    WHERE id = %s AND plan_token = %s AND state IN ('planning', 'cancelling') AND size IS NULL
"""


def keep_lease(cursor: Any, execution_id: int, token: UUID) -> bool:
    """At a long step's end, in its transaction. False: the step must not count."""
    cursor.execute(
        SQL("UPDATE executions_execution SET plan_lease_until = {} WHERE id = {} AND plan_token = {}").format(
            lease_end(PLAN_LEASE_SECONDS), Literal(execution_id), Literal(token)
        )
    )
    return bool(cursor.rowcount)
