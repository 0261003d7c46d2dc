"""Writes suppressions: makes new ones, adds reasons to those that exist, takes unsubscribing back.

For whoever suppresses, by whatever way. Rows are locked in the order of the unique key, so that two calls at once do
not wait for each other in a circle.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection
from django.utils import timezone

from audiences.bulk_text import moment_array, number_array, text_array
from audiences.suppression_reasons import Reason, with_reason
from audiences.suppression_rows import UNSUBSCRIBED, SuppressionRow

Key = tuple[str, str]
_ROUNDS = 5


class Written(NamedTuple):
    """How many were new, and how many got a reason that they did not have, or a later time."""

    created: int
    updated: int


class _Kept(NamedTuple):
    id: int
    key: Key
    reasons: list[Reason]


def suppress(workspace_id: int, rows: Iterable[SuppressionRow]) -> Written:
    """In the caller's transaction, under `audiences.rights.erased.share_lock` or with an address of the value locked:
    so nobody who has it is erased meanwhile."""
    now = timezone.now()
    said: dict[Key, list[Reason]] = {}
    for row in rows:
        reason = Reason(row.reason, row.source, row.created_at)
        said[row.key] = with_reason(said.get(row.key, []), reason)
    created = updated = 0
    for _ in range(_ROUNDS):
        new = _insert(workspace_id, {key: said[key] for key in sorted(said)}, now)
        _take_out(said, new)
        # Most say nothing new, and are not locked for it.
        _take_out(said, [one.key for one in _read(workspace_id, sorted(said)) if not _told(one, said)])
        locked = _read(workspace_id, sorted(said), locked=True)
        changed = [told for one in locked if (told := _told(one, said))]
        _update(changed, now)
        _take_out(said, [one.key for one in locked])
        created, updated = created + len(new), updated + len(changed)
        if not said:
            break
        # What was there when it was to be written, and not when it was read, was lifted meanwhile: once more.
    return Written(created, updated)


def _take_out(said: dict[Key, list[Reason]], keys: Iterable[Key]) -> None:
    for key in keys:
        del said[key]


def _told(one: _Kept, said: Mapping[Key, Sequence[Reason]]) -> _Kept | None:
    """With the reasons that it did not have; None where it had them."""
    reasons = one.reasons
    for reason in said[one.key]:
        reasons = with_reason(reasons, reason)
    return None if reasons == one.reasons else _Kept(one.id, one.key, reasons)


def lift_unsubscribing(workspace_id: int, proven: Mapping[Key, datetime]) -> bool:
    """Takes unsubscribing back that is older than the person's word, by address; other reasons stay.

    Answers whether there was anything to take back.
    """
    kept = _read(workspace_id, sorted(proven), locked=True)
    lifted = [(one, _without_unsubscribing(one.reasons, proven[one.key])) for one in kept]
    _delete([one.id for one, reasons in lifted if not reasons])
    left = [_Kept(one.id, one.key, reasons) for one, reasons in lifted if reasons and reasons != one.reasons]
    _update(left, timezone.now())
    return any(reasons != one.reasons for one, reasons in lifted)


def _without_unsubscribing(reasons: Sequence[Reason], proven: datetime) -> list[Reason]:
    def is_over(one: Reason) -> bool:
        return one.reason == UNSUBSCRIBED and one.created_at is not None and one.created_at < proven

    return [one for one in reasons if not is_over(one)]


def _insert(workspace_id: int, said: Mapping[Key, Sequence[Reason]], now: datetime) -> set[Key]:
    if not said:
        return set()
    columns = [text_array(key[0] for key in said), text_array(key[1] for key in said), *_columns(said.values(), now)]
    return set(_rows(_INSERT, [workspace_id, *columns]))


def _read(workspace_id: int, keys: Sequence[Key], *, locked: bool = False) -> list[_Kept]:
    if not keys:
        return []
    given = [text_array(kind for kind, _ in keys), text_array(value for _, value in keys), workspace_id]
    rows = _rows(_LOCK if locked else _READ, given)
    return [
        _Kept(id, (kind, value), [Reason(*main), *map(_reason, orjson.loads(others))])
        for id, kind, value, *main, others in rows
    ]


def _reason(kept: dict[str, Any]) -> Reason:
    return Reason(kept["reason"], kept["source"], datetime.fromisoformat(kept["created_at"]))


def _update(changed: Sequence[_Kept], now: datetime) -> None:
    if changed:
        columns = _columns([one.reasons for one in changed], now)
        _execute(_UPDATE, [number_array(one.id for one in changed), *columns])


def _delete(ids: Sequence[int]) -> None:
    if ids:
        _execute("DELETE FROM audiences_suppression WHERE id = ANY(%s::bigint[])", [number_array(ids)])


def _columns(each: Collection[Sequence[Reason]], now: datetime) -> list[str]:
    """reason, source, created_at, other_reasons."""
    mains = [reasons[0] for reasons in each]
    return [
        text_array(one.reason for one in mains),
        text_array(one.source for one in mains),
        moment_array(one.created_at or now for one in mains),
        text_array(_others(reasons[1:], now) for reasons in each),
    ]


def _others(reasons: Sequence[Reason], now: datetime) -> str:
    if not reasons:
        return "[]"
    dated = [one._replace(created_at=one.created_at or now) for one in reasons]
    return orjson.dumps([one._asdict() for one in dated]).decode()


def _execute(sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _rows(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[Any] = cursor.fetchall()
    return found


_INSERT = """
INSERT INTO audiences_suppression (workspace_id, type, value, reason, source, created_at, other_reasons)
SELECT %s, one.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[]) AS one
ON CONFLICT (workspace_id, type, value) DO NOTHING
RETURNING type, value
"""
_READ = """
SELECT s.id, s.type, s.value, s.reason, s.source, s.created_at, s.other_reasons::text
FROM unnest(%s::text[], %s::text[]) AS one(type, value)
JOIN audiences_suppression s ON s.workspace_id = %s AND s.type = one.type AND s.value = one.value
"""
_LOCK = f"{_READ} ORDER BY s.type, s.value FOR UPDATE OF s"
_UPDATE = """
UPDATE audiences_suppression s
SET reason = one.reason, source = one.source, created_at = one.created_at, other_reasons = one.other_reasons
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
     AS one(id, reason, source, created_at, other_reasons)
WHERE s.id = one.id
"""
