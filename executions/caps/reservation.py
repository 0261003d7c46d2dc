"""Frequency caps, exact: a recipient's use is reserved before the message may be sent, under the row's lock.

One row per contact holds its uses. A set of contacts is reserved by one INSERT … ON CONFLICT DO UPDATE … WHERE every
rule passes, in the order of contacts, so that executions that meet neither pass a cap together nor deadlock.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from functools import lru_cache
from typing import NamedTuple

from psycopg import AsyncCursor
from psycopg.sql import SQL, Composable, Identifier, Literal

from executions.cap_words import describe

KEPT_SECONDS = 30 * 86_400
Kind = tuple[int, str, list[str]]
CapRow = tuple[int, str, str, int, int, list[Kind]]
# With every cap the workspace's kinds, in the same statement: where there are no caps, nobody looks for kinds.
CAPS = SQL("""
    SELECT id, type, tag, max, window_seconds, coalesce((SELECT jsonb_agg(jsonb_build_array(k.id, k.type, k.tags))
        FROM executions_frequencykind k WHERE k.workspace_id = c.workspace_id), '[]')
    FROM executions_frequencycap c WHERE workspace_id = {workspace} ORDER BY id
""")


class Rule(NamedTuple):
    """A cap that the execution's messages fall under; `others` are the kinds known not to count for it.

    A kind that was made a moment ago is not known: it counts, for a cap must hold.
    """

    id: int
    max: int
    window: int
    words: str
    others: tuple[int, ...]


class Caps(NamedTuple):
    """What one execution reserves as. Without rules it is not limited, and still counts."""

    workspace_id: int
    execution_id: int
    kind: int
    rules: tuple[Rule, ...]


class Capped(NamedTuple):
    """Why a contact got no reservation, and in how many seconds every rule would pass."""

    rule: Rule
    wait: float


async def load_caps(
    cursor: AsyncCursor, *, workspace_id: int, execution_id: int, type: str, tags: Collection[str], limited: bool
) -> Caps | None:
    """None where the workspace has no caps: then nothing is counted either."""
    await cursor.execute(CAPS.format(workspace=Literal(workspace_id)))
    there = await cursor.fetchall()
    if not there:
        return None
    return await caps_among(
        cursor, there, workspace_id=workspace_id, execution_id=execution_id, type=type, tags=tags, limited=limited
    )


async def caps_among(
    cursor: AsyncCursor,
    there: Sequence[CapRow],
    *,
    workspace_id: int,
    execution_id: int,
    type: str,
    tags: Collection[str],
    limited: bool,
) -> Caps:
    """`there` is what `CAPS` answers."""
    kinds = there[0][-1]
    kind = await _kind(cursor, kinds, workspace_id, type, sorted(tags))
    rules = tuple(
        Rule(
            cap_id,
            most,
            window,
            describe(maximum=most, type=cap_type, tag=tag, window_seconds=window),
            tuple(one for one, other, tagged in kinds if not _matches(cap_type, tag, other, tagged)),
        )
        for cap_id, cap_type, tag, most, window, _kinds in there
        if limited and _matches(cap_type, tag, type, tags)
    )
    return Caps(workspace_id, execution_id, kind, rules)


def _matches(cap_type: str, cap_tag: str, type: str, tags: Collection[str]) -> bool:
    tagged = not cap_tag or cap_tag.casefold() in {tag.casefold() for tag in tags}
    return tagged and cap_type in ("", type)


async def _kind(cursor: AsyncCursor, kinds: Sequence[Kind], workspace_id: int, type: str, tags: list[str]) -> int:
    known = next((kind_id for kind_id, *what in kinds if what == [type, tags]), None)
    return await _make_kind(cursor, workspace_id, type, tags) if known is None else known


async def _make_kind(cursor: AsyncCursor, workspace_id: int, type: str, tags: list[str]) -> int:
    key = (workspace_id, type, tags)
    await cursor.execute(
        "INSERT INTO executions_frequencykind (workspace_id, type, tags) VALUES (%s, %s, %s::varchar[])"
        " ON CONFLICT DO NOTHING",
        key,
    )
    await cursor.execute(
        "SELECT id FROM executions_frequencykind WHERE workspace_id = %s AND type = %s AND tags = %s::varchar[]", key
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - for the type checker: it was inserted, or another had
    return int(row[0])


async def lock_uses(cursor: AsyncCursor, caps: Caps, contacts: Collection[int]) -> None:
    """In order, before giving back."""
    await cursor.execute(
        "SELECT FROM executions_frequencyuse WHERE workspace_id = %s AND contact_id = ANY (%s::bigint[])"
        " ORDER BY contact_id FOR UPDATE",
        [caps.workspace_id, sorted(contacts)],
    )


async def make_and_lock_uses(cursor: AsyncCursor, caps: Caps, contacts: Collection[int]) -> None:
    """All at once and in order, where a transaction both gives back and reserves.

    Rows that `reserve` would make are made here: made after others are locked, they would be out of order.
    """
    await cursor.execute(
        """
        INSERT INTO executions_frequencyuse AS u (workspace_id, contact_id, ats, executions, kinds)
        SELECT %s, k, '{}', '{}', '{}' FROM (SELECT DISTINCT k FROM unnest(%s::bigint[]) k ORDER BY k) k
        ON CONFLICT (workspace_id, contact_id) DO UPDATE SET ats = u.ats WHERE FALSE
        """,
        [caps.workspace_id, sorted(contacts)],
    )


async def reserve(cursor: AsyncCursor, caps: Caps, contacts: Set[int]) -> set[int]:
    """The contacts that may be sent to. One use per contact and execution: the same execution rides free.

    Where all of them may, which is the rule, PostgreSQL does not list them: a row each would cost as much as half of
    reserving them.
    """
    await cursor.execute(_reserving(caps) % {b"contacts": _in_order(contacts), b"wanted": len(contacts)})
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - for the type checker: an aggregate always answers
    listed, count = row
    return set(contacts) if count == len(contacts) else set(listed or ())


def _in_order(contacts: Set[int]) -> bytes:
    """As an array's text: psycopg takes a microsecond for each number of a list."""
    return ",".join(map(str, sorted(contacts))).encode()


@lru_cache(maxsize=100)
def _reserving(caps: Caps) -> bytes:
    """Put together once: that takes half a millisecond."""
    return (
        SQL("""
        WITH granted AS (INSERT INTO executions_frequencyuse AS u (workspace_id, contact_id, ats, executions, kinds)
        SELECT {workspace}, k, ARRAY[extract(epoch FROM clock_timestamp())::bigint], ARRAY[{execution}::bigint],
            ARRAY[{kind}::integer]
        FROM unnest('{{%(contacts)s}}'::bigint[]) k
        ON CONFLICT (workspace_id, contact_id) DO UPDATE SET ats = {ats}, executions = {executions}, kinds = {kinds}
        WHERE {execution} = ANY (u.executions) OR ({rules})
        RETURNING contact_id)
        SELECT CASE WHEN count(*) < %(wanted)d THEN array_agg(contact_id) END, count(*) FROM granted
        """)
        .format(
            workspace=Literal(caps.workspace_id),
            execution=Literal(caps.execution_id),
            kind=Literal(caps.kind),
            ats=_appended("ats", caps),
            executions=_appended("executions", caps),
            kinds=_appended("kinds", caps),
            rules=SQL(" AND ").join([SQL("TRUE"), *map(_passes, caps.rules)]),
        )
        .as_bytes()
    )


def _appended(column: str, caps: Caps) -> Composable:
    """The entry added, those older than any cap's window dropped."""
    return SQL("""CASE
        WHEN {execution} = ANY (u.executions) THEN u.{column}
        WHEN u.ats[1] >= EXCLUDED.ats[1] - {kept} THEN u.{column} || EXCLUDED.{column}
        ELSE (SELECT array_agg(t.entry ORDER BY t.n) FROM unnest(u.{column}, u.ats) WITH ORDINALITY t (entry, at, n)
            WHERE t.at >= EXCLUDED.ats[1] - {kept}) || EXCLUDED.{column} END
    """).format(execution=Literal(caps.execution_id), column=Identifier(column), kept=Literal(KEPT_SECONDS))


def _passes(rule: Rule) -> Composable:
    """Whole seconds, rounded so that a use counts a moment too long rather than too short."""
    return SQL("""
        (cardinality(u.ats) < {max} OR (SELECT count(*) FROM unnest(u.ats, u.kinds) t (at, kind)
            WHERE t.at >= EXCLUDED.ats[1] - {window} AND t.kind <> ALL ({others}::integer[])) < {max})
    """).format(window=Literal(rule.window), others=Literal(list(rule.others)), max=Literal(rule.max))


async def explain(cursor: AsyncCursor, caps: Caps, contacts: Collection[int]) -> Mapping[int, Capped]:
    """For contacts that `reserve` has just refused; their rows are still locked."""
    await cursor.execute(
        "SELECT contact_id, ats, kinds, extract(epoch FROM clock_timestamp())::bigint FROM executions_frequencyuse"
        " WHERE workspace_id = %s AND contact_id = ANY (%s::bigint[])",
        [caps.workspace_id, sorted(contacts)],
    )
    return {
        contact_id: capped
        for contact_id, ats, kinds, now in await cursor.fetchall()
        if (capped := _capped(caps, list(zip(ats, kinds, strict=True)), now))
    }


def _capped(caps: Caps, entries: list[tuple[int, int]], now: int) -> Capped | None:
    found: list[Capped] = []
    for rule in caps.rules:
        counted = sorted(at for at, kind in entries if at >= now - rule.window - 1 and kind not in rule.others)
        if len(counted) >= rule.max:
            found.append(Capped(rule, float(counted[-rule.max] + rule.window + 1 - now)))
    return Capped(found[0].rule, max(capped.wait for capped in found)) if found else None


async def give_back(cursor: AsyncCursor, caps: Caps, contacts: Collection[int]) -> None:
    """Removes this execution's entry; the rows are locked by `lock_uses`."""
    kept = SQL(
        "coalesce((SELECT array_agg(t.entry ORDER BY t.n) FROM unnest(u.{column}, u.executions) WITH ORDINALITY"
        " t (entry, execution, n) WHERE t.execution <> {execution}), '{{}}')"
    )
    columns = [
        SQL("{} = ").format(Identifier(column))
        + kept.format(column=Identifier(column), execution=Literal(caps.execution_id))
        for column in ("ats", "executions", "kinds")
    ]
    await cursor.execute(
        SQL(
            "UPDATE executions_frequencyuse u SET {} WHERE workspace_id = {} AND contact_id = ANY ({}::bigint[])"
            " AND {} = ANY (u.executions)"
        ).format(
            SQL(", ").join(columns),
            Literal(caps.workspace_id),
            Literal(sorted(contacts)),
            Literal(caps.execution_id),
        )
    )


async def still_used(
    cursor: AsyncCursor, caps: Caps, contacts: Collection[int], *, launched_on: object, batch_id: int
) -> set[int]:
    """Those of `contacts` that may have got something: a sibling, another address, was sent to or is in flight in
    another batch, or an attempt in doubt is, or was, to be repeated."""
    await cursor.execute(
        """
        SELECT contact_id FROM executions_delivery
            WHERE launched_on = %(launched_on)s AND execution_id = %(execution)s
            AND contact_id = ANY (%(contacts)s::bigint[]) AND outcome IN (1, 4)
        UNION
        SELECT x FROM executions_batch b JOIN executions_batchrecipients r ON r.batch_id = b.id,
            unnest(r.contact_ids[b.position + 1:b.marked_to]) x
            WHERE b.execution_id = %(execution)s AND b.state <> 2 AND b.marked_to > b.position AND b.id <> %(batch)s
            AND x = ANY (%(contacts)s::bigint[])
        UNION
        SELECT x FROM executions_batch b JOIN executions_batchrecipients r ON r.batch_id = b.id,
            unnest(r.contact_ids) x
            WHERE b.execution_id = %(execution)s AND b.reason = 'resend' AND x = ANY (%(contacts)s::bigint[])
        """,
        {
            "launched_on": launched_on,
            "execution": caps.execution_id,
            "contacts": sorted(contacts),
            "batch": batch_id,
        },
    )
    return {row[0] for row in await cursor.fetchall()}
