"""Uses of the frequency caps given back outside a worker: in Django's own transaction, by the same statements."""

from collections.abc import Collection, Coroutine
from datetime import date
from typing import Any, cast

from django.db import connection
from psycopg import AsyncCursor

from executions.caps import reservation
from executions.caps.reservation import Caps


def give_back_unused(
    *, workspace_id: int, execution_id: int, launched_on: date, contacts: Collection[int], batch_id: int = 0
) -> None:
    """Of contacts of whom a delivery has just been recorded that used none; not where a sibling, another address,
    was sent to or is in flight. `batch_id`: a batch of which nothing is in flight any more."""
    if not contacts:
        return
    caps = Caps(workspace_id, execution_id, kind=0, rules=())
    with connection.cursor() as cursor:
        _at_once(_give_back(cast(AsyncCursor, _Cursor(cursor)), caps, set(contacts), launched_on, batch_id))


async def _give_back(cursor: AsyncCursor, caps: Caps, contacts: set[int], launched_on: date, batch_id: int) -> None:
    await reservation.lock_uses(cursor, caps, contacts)
    used = await reservation.still_used(cursor, caps, contacts, launched_on=launched_on, batch_id=batch_id)
    await reservation.give_back(cursor, caps, contacts - used)


class _Cursor:
    """Django's cursor as `reservation` calls one; it answers before it returns."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    async def execute(self, query: Any, parameters: Any = None) -> None:
        self._cursor.execute(query, parameters)

    async def fetchall(self) -> Any:
        return self._cursor.fetchall()


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Nothing in it waits, so it needs no loop, and may run where another has one."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("It waited for something.")
