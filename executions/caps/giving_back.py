"""Uses of the frequency caps given back outside a worker: in Django's own transaction, by the same statements."""

from collections.abc import Collection
from datetime import date

from django.db import connection
from psycopg import AsyncCursor

from executions.caps import reservation
from executions.caps.reservation import Caps
from executions.in_django import as_async, at_once


def give_back_unused(
    *, workspace_id: int, execution_id: int, launched_on: date, contacts: Collection[int], batch_id: int = 0
) -> None:
    """Of contacts of whom a delivery has just been recorded that used none; not where a sibling, another address,
    was sent to or is in flight. `batch_id`: a batch of which nothing is in flight any more."""
    if not contacts:
        return
    caps = Caps(workspace_id, execution_id, kind=0, rules=())
    with connection.cursor() as cursor:
        at_once(_give_back(as_async(cursor), caps, set(contacts), launched_on, batch_id))


async def _give_back(cursor: AsyncCursor, caps: Caps, contacts: set[int], launched_on: date, batch_id: int) -> None:
    await reservation.lock_uses(cursor, caps, contacts)
    used = await reservation.still_used(cursor, caps, contacts, launched_on=launched_on, batch_id=batch_id)
    await reservation.give_back(cursor, caps, contacts - used)
