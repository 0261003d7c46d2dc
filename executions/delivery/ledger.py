"""Rows of the ledger as PostgreSQL's binary COPY format: the fastest way in, and append-only."""

from collections.abc import Iterable, Sequence
from datetime import date
from struct import Struct
from typing import NamedTuple

from psycopg import AsyncCursor

COLUMNS = (
    "launched_on, execution_id, contact_id, address_id, workspace_id, outcome, attempts, provider_id,"
    " sent_at, recorded_at, reason, detail, provider_response"
)
_COPY = f"COPY executions_delivery ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_COPY_STAGED = f"COPY staged_delivery ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_STAGE = "CREATE TEMP TABLE staged_delivery (LIKE executions_delivery) ON COMMIT DROP"
_UNSTAGE = f"INSERT INTO executions_delivery ({COLUMNS}) SELECT {COLUMNS} FROM staged_delivery ON CONFLICT DO NOTHING"  # noqa: S608
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH = date(2000, 1, 1)
_NULL = b"\xff\xff\xff\xff"
_TWO_KEYS = Struct(">qiq").pack
_KIND = Struct(">ihih").pack
_TIME = Struct(">iq").pack
_LENGTH = Struct(">i").pack


class LedgerRow(NamedTuple):
    """Times are microseconds since 2000-01-01 UTC, by PostgreSQL's clock."""

    contact_id: int
    address_id: int
    outcome: int
    attempts: int
    sent_at: int | None
    reason: str | None
    detail: str | None
    response: str | None


class Ledger:
    """Encodes the rows of one execution."""

    __slots__ = ("_head", "_provider", "_workspace")

    def __init__(self, *, launched_on: date, execution_id: int, workspace_id: int, provider_id: int) -> None:
        days = (launched_on - _EPOCH).days
        self._head = Struct(">hiiiqi").pack(13, 4, days, 8, execution_id, 8)
        self._workspace = Struct(">iq").pack(8, workspace_id)
        self._provider = Struct(">iq").pack(8, provider_id)

    def encode(self, rows: Iterable[LedgerRow], *, recorded_at: int) -> bytes:
        """A whole COPY stream."""
        recorded = _TIME(8, recorded_at)
        parts = [_HEADER]
        for contact_id, address_id, outcome, attempts, sent_at, reason, detail, response in rows:
            parts += (
                self._head,
                _TWO_KEYS(contact_id, 8, address_id),
                self._workspace,
                _KIND(2, outcome, 2, attempts),
                self._provider if attempts else _NULL,
                _NULL if sent_at is None else _TIME(8, sent_at),
                recorded,
                _text(reason),
                _text(detail),
                _text(response),
            )
        parts.append(_TRAILER)
        return b"".join(parts)

    async def write(self, cursor: AsyncCursor, rows: Sequence[LedgerRow], *, recorded_at: int) -> None:
        """In the caller's transaction, which is over if this raises UniqueViolation: `write_new` is for the next."""
        if rows:
            await _copy(cursor, _COPY, self.encode(rows, recorded_at=recorded_at))

    async def write_new(self, cursor: AsyncCursor, rows: Sequence[LedgerRow], *, recorded_at: int) -> None:
        """Rows that are there already stay."""
        if rows:
            await cursor.execute(_STAGE)
            await _copy(cursor, _COPY_STAGED, self.encode(rows, recorded_at=recorded_at))
            await cursor.execute(_UNSTAGE)


async def _copy(cursor: AsyncCursor, statement: str, stream: bytes) -> None:
    async with cursor.copy(statement) as copy:
        await copy.write(stream)


def _text(text: str | None) -> bytes:
    if text is None:
        return _NULL
    encoded = text.encode("utf-8", "replace").replace(b"\0", b"")
    return _LENGTH(len(encoded)) + encoded
