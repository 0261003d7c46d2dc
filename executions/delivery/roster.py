"""Reads a chunk's recipients: address, consent and suppression as they are now, and just the fields that are used."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from psycopg import AsyncCursor
from psycopg.sql import SQL, Composable, Literal

from executions.delivery.own_personalization import OWN, own_personalization_sql
from executions.states import SkipReason

# json_build_object takes at most 100 arguments.
MOST_NAMES = 45
# Attributes as small as this are sooner read whole than picked from: 2 µs instead of 5 for ten names.
SMALL_BYTES = 200
SMALL_BYTES_PER_NAME = 60
_NOBODY: Mapping[str, Any] = {}
_NOTHING = SQL("")


class Recipient(NamedTuple):
    """`reason` is why it can't be sent to any more. `contact` holds what the reserved variable `contact` needs. `zone`
    is read where it is asked for."""

    contact_id: int
    address_id: int
    address: str | None
    app: int | None
    reason: str | None
    attributes: Mapping[str, Any]
    personalization: Mapping[str, Any]
    contact: tuple[str | None, str, str] | None
    event: Mapping[str, Any] | None = None
    zone: str | None = None


class Roster:
    """The query of one execution, built once."""

    def __init__(
        self,
        *,
        workspace_id: int,
        execution_id: int,
        type: str,
        names: Sequence[str],
        inline: bool,
        whole: bool,
        uploads: Sequence[int] = (),
        event: bool = False,
    ) -> None:
        """`inline`: recipients have personalization of their own; `uploads`: these give it (`personalized_uploads`).
        `event`: each has the one that triggered it."""
        self._whole = whole
        self._event = (10 if whole else 7) if event else None
        own: Composable | None = None
        if inline or uploads:
            own = own_personalization_sql(execution_id=execution_id, uploads=uploads, contact_id=SQL("r.contact_id"))
        fields = _fields(names, whole=whole)
        told = _EVENT.format(Literal(execution_id)) if event else _NOTHING
        self._query = _query(workspace_id, type, fields, own, whole=whole, event=told)
        self._zoned = _query(workspace_id, type, fields, own, whole=whole, event=told, zone=SQL(", c.timezone"))

    async def read(
        self, cursor: AsyncCursor, *, batch_id: int, start: int, stop: int, zones: bool = False
    ) -> list[Recipient]:
        """The recipients of a batch from place `start` up to but not including `stop`, in the batch's order.

        In a transaction with `NESTED_LOOPS`.
        """
        query = self._zoned if zones else self._query
        await cursor.execute(query % {b"batch": batch_id, b"first": start + 1, b"last": stop})
        loads, whole, event = orjson.loads, self._whole, self._event
        return [
            tuple.__new__(  # as Recipient(…), in two thirds of the time
                Recipient,
                (
                    row[0],
                    row[1],
                    row[2],
                    row[3],
                    row[4],
                    loads(row[5]) if row[5] else _NOBODY,
                    loads(row[6]) if row[6] else _NOBODY,
                    row[7:10] if whole else None,
                    loads(row[event]) if event is not None and row[event] else None,
                    row[-1] if zones else None,
                ),
            )
            for row in await cursor.fetchall()
        ]


# PostgreSQL would read a small table whole for each chunk of 500.
NESTED_LOOPS = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
_CHUNK = b"""
    WITH r AS (SELECT u.* FROM executions_batchrecipients b, unnest(
        b.contact_ids[%(first)d:%(last)d], b.address_ids[%(first)d:%(last)d])
            WITH ORDINALITY AS u (contact_id, address_id, n)
        WHERE b.batch_id = %(batch)d)
"""


def _fields(names: Sequence[str], *, whole: bool) -> Composable:
    if whole or len(names) > MOST_NAMES:
        return SQL("c.attributes::text")
    if not names:
        return SQL("NULL")
    pairs = [SQL("{name}, c.attributes->{name}").format(name=Literal(name)) for name in names]
    return SQL(
        "CASE WHEN pg_column_size(c.attributes) <= {} THEN c.attributes::text ELSE json_build_object({})::text END"
    ).format(Literal(SMALL_BYTES + SMALL_BYTES_PER_NAME * len(names)), SQL(", ").join(pairs))


_EVENT = SQL(
    ", (SELECT m.event::text FROM executions_recipientdata m WHERE m.execution_id = {} AND m.contact_id = r.contact_id)"
)


def _query(
    workspace_id: int,
    type: str,
    fields: Composable,
    own: Composable | None,
    *,
    whole: bool,
    event: Composable = _NOTHING,
    zone: Composable = _NOTHING,
) -> bytes:
    """With places for the batch, and the first and last place in it; made a text once for all chunks; `zone` last."""
    query = SQL("""
        SELECT r.contact_id, r.address_id, a.value, a.app_id, CASE
            WHEN c.id IS NULL OR a.id IS NULL THEN {deleted}
            WHEN a.state <> 'active' THEN {invalid}
            WHEN EXISTS (SELECT FROM audiences_suppression s
                WHERE s.workspace_id = {workspace} AND s.type = {type} AND s.value = a.value) THEN {suppressed}
            WHEN a.consent <> 'subscribed' THEN {unsubscribed} END,
            {fields}, {personalization}{contact}{event}{zone}
        FROM r LEFT JOIN audiences_contact c ON c.id = r.contact_id AND c.workspace_id = {workspace}
            LEFT JOIN audiences_address a ON a.id = r.address_id AND a.contact_id = r.contact_id
            {own}
        ORDER BY r.n
    """).format(
        deleted=Literal(SkipReason.DELETED.value),
        invalid=Literal(SkipReason.INVALID_ADDRESS.value),
        suppressed=Literal(SkipReason.SUPPRESSED.value),
        unsubscribed=Literal(SkipReason.UNSUBSCRIBED.value),
        workspace=Literal(workspace_id),
        type=Literal(type),
        fields=fields,
        personalization=SQL("NULL") if own is None else OWN,
        event=event,
        zone=zone,
        contact=SQL(", c.external_id, c.locale, c.timezone") if whole else SQL(""),
        own=SQL("") if own is None else own,
    )
    return _CHUNK + query.as_bytes().replace(b"%", b"%%")
