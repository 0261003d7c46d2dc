"""The sandbox's outbox: what would have been sent, written a chunk at a time."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.db import connection, connections, transaction

from providers.contract import Message
from providers.mime import Email
from providers.models import SandboxMessage

_TABLE = SandboxMessage._meta.db_table
_ADDRESS_LIMIT = 2000
_COPY = f"COPY {_TABLE} (workspace_id, execution_id, delivery_id, type, app_id, address, content) FROM STDIN"
_PRUNE = f"""
    DELETE FROM {_TABLE}
    WHERE workspace_id = %(workspace)s AND id <= (
        SELECT id FROM {_TABLE} WHERE workspace_id = %(workspace)s ORDER BY id DESC OFFSET %(keep)s LIMIT 1)
"""  # noqa: S608
_PRUNE_LOCK = 0x5A4DB0C5
_NUL = re.compile("\0")


def record(messages: Iterable[Message], *, workspace_id: int, type: str) -> None:
    """Every handover makes a row, a repeated one too, so that doubles can be counted."""
    rows = [
        (
            workspace_id,
            message.execution_id,
            message.delivery_id,
            type,
            message.app_id or "",
            _NUL.sub("", message.address)[:_ADDRESS_LIMIT],
            orjson.dumps(_shown(message.content)).decode(),
        )
        for message in messages
    ]
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


def prune(*, workspace_id: int, keep: int) -> None:
    """Keeps the newest; does nothing while another process is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_PRUNE_LOCK, workspace_id % 2**31])
        row = cursor.fetchone()
        if row is not None and row[0]:
            cursor.execute(_PRUNE, {"workspace": workspace_id, "keep": keep})


def connect() -> None:
    """Raises django.db.OperationalError when the database cannot be reached."""
    connection.close_if_unusable_or_obsolete()
    connection.ensure_connection()


def disconnect() -> None:
    connections.close_all()


def _shown(content: Email | bytes | Mapping[str, Any]) -> Any:
    if isinstance(content, Email):
        return {
            "subject": content.subject.encode("utf-8", "replace").decode().replace("\0", ""),
            "html": _text(content.html),
            "text": _text(content.text),
            "raw": _text(content.encode(eight_bit=True)),
        }
    return _without_nul(orjson.loads(content) if isinstance(content, bytes) else content)


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")


def _without_nul(value: Any) -> Any:
    """jsonb holds every character but NUL, and no half of a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(item) for item in value]
    return value
