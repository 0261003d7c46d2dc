"""Who fitted a segment's rule at one moment, kept as bits: a row holds 256 neighbouring contact ids.

A million neighbours take 4,000 rows and are written by one statement, so by one snapshot: planning then pages over
something that stands still, however the contacts move meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.sql import SQL, Composable, Identifier, Literal

from audiences.segments.compiling import rule_sql
from audiences.segments.periods import Moment

# As `executions.models.FrozenSegment` has it.
_SHIFT, _MASK = 8, 255


def freezing_sql(
    segments: Sequence[Mapping[str, Any]], *, workspace_id: int, execution_id: int, until: int, moment: Moment
) -> Composable:
    """An INSERT of all of them, contacts up to the id `until`; `segments` are sources with `id` and `rule`."""
    found = {int(one["id"]): one["rule"] for one in segments}
    selects = [
        SQL(
            "SELECT {segment}::bigint AS segment_id, c.id FROM audiences_contact c"
            " WHERE c.workspace_id = {workspace} AND c.id <= {until} AND {condition}"
        ).format(
            segment=Literal(segment_id),
            workspace=Literal(workspace_id),
            until=Literal(until),
            condition=rule_sql(rule, workspace_id=workspace_id, moment=moment),
        )
        for segment_id, rule in sorted(found.items())
    ]
    return SQL("""
        INSERT INTO executions_frozensegment (execution_id, segment_id, block, members)
        SELECT {execution}, segment_id, id >> {shift}, bit_or({first}::bit(256) >> (id & {mask})::integer)
        FROM ({selects}) fitting GROUP BY segment_id, id >> {shift} ORDER BY segment_id, id >> {shift}
        ON CONFLICT DO NOTHING
    """).format(
        execution=Literal(execution_id),
        shift=Literal(_SHIFT),
        mask=Literal(_MASK),
        first=Literal("1" + "0" * _MASK),
        selects=SQL(" UNION ALL ").join(selects),
    )


def frozen_sql(*, execution_id: int, segment_id: int, contact: Identifier) -> Composable:
    """Is the contact one of them?

    Looked up for each contact, not joined: a page then costs its own contacts and not all that come after it, and
    PostgreSQL takes a third to fit, where it would expect next to nobody of an execution that it never saw.
    """
    return SQL(
        "(coalesce((SELECT get_bit(m.members, ({contact}.id & {mask})::integer) FROM executions_frozensegment m"
        " WHERE m.execution_id = {execution} AND m.segment_id = {segment} AND m.block = {contact}.id >> {shift}), 0)"
        " > 0)"
    ).format(
        execution=Literal(execution_id),
        segment=Literal(segment_id),
        contact=contact,
        shift=Literal(_SHIFT),
        mask=Literal(_MASK),
    )
