"""Keeps values that somebody was erased with from being sent to when they come in again.

Planning and sending look suppressions up by value, and a hash can't be: so whoever writes an address asks here, and
a value that is known as erased gets a suppression in the same transaction. Writers share a lock of the workspace that
erasing takes alone: no address is written between the look for other holders of a value and the commit of its hash.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection

from audiences.rights.hashing import hashes_of, secret_of

ERASED = "erased"
_LOCK_SPACE = 0x52 << 48
Key = tuple[str, str]


def share_lock(workspace_id: int) -> None:
    """Of whoever writes addresses or suppressions, before it asks `hold_back` or `known`. Until the commit."""
    _execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK_SPACE | workspace_id])


def take_lock(workspace_id: int) -> None:
    """Of whoever erases, before anything else is locked."""
    _execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_SPACE | workspace_id])


def hold_back(workspace_id: int, keys: Iterable[Key]) -> None:
    """Suppresses those of the new addresses' (type, value) that are known as erased.

    Under `share_lock`. One short query where nobody was ever erased.
    """
    secret = secret_of(workspace_id)
    if secret is None:
        return
    wanted = sorted(set(keys))
    given = [[type for type, _ in wanted], [value for _, value in wanted], hashes_of(secret, wanted)]
    _execute(_SUPPRESS, [*given, workspace_id])


def known(workspace_id: int, keys: Collection[Key]) -> set[Key]:
    """Those that are suppressed by their hash alone. Under `share_lock`."""
    secret = secret_of(workspace_id) if keys else None
    if secret is None:
        return set()
    wanted = list(keys)
    found = {bytes(hash) for (hash,) in _execute(_KNOWN, [workspace_id, hashes_of(secret, wanted)])}
    return {key for key, hash in zip(wanted, hashes_of(secret, wanted), strict=True) if hash in found}


def forget(workspace_id: int, key: Key) -> None:
    """Somebody lifted the suppression: the hash would bring it back with the next import."""
    secret = secret_of(workspace_id)
    if secret is not None:
        _execute(_FORGET, [workspace_id, hashes_of(secret, [key])])


def _execute(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


# In the order of the unique key, as `add_suppressions` does.
_SUPPRESS = """
INSERT INTO audiences_suppression (workspace_id, type, value, reason, source)
SELECT known.workspace_id, one.type, one.value, 'erased', 'erasure'
FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS one(type, value, hash)
JOIN audiences_erasedvalue known ON known.workspace_id = %s AND known.hash = one.hash
ORDER BY one.type, one.value
ON CONFLICT (workspace_id, type, value) DO NOTHING
"""
_KNOWN = "SELECT hash FROM audiences_erasedvalue WHERE workspace_id = %s AND hash = ANY(%s::bytea[])"
_FORGET = "DELETE FROM audiences_erasedvalue WHERE workspace_id = %s AND hash = ANY(%s::bytea[])"
