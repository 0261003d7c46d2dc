"""The part of a page's statement that is there only where recipients' own clocks are asked when they are due."""

from psycopg.sql import SQL, Composable, Literal

from executions.delivery.clocks import Starts
from executions.delivery.planned_rows import Due
from executions.states import SkipReason

# What recipients are grouped by: the place of their time and reason to wait among all of them. They are not sorted by
# contact too, which would be a third of what clocks cost a plan: a batch of one zone has them from all over the page.
BY_CLOCK = Due(
    columns=SQL("slot, "),
    group=SQL(" GROUP BY slot"),
    order=SQL(""),
    due=SQL("coalesce((SELECT s.due FROM slots s WHERE s.slot = batches.slot), clock_timestamp())"),
    wait=SQL("(SELECT s.wait FROM slots s WHERE s.slot = batches.slot)"),
)
NOTHING = SQL("")


def timed_sql(starts: Starts) -> Composable:
    """CTEs, the last `timed`: contact_id, address_id, reason, slot; `classified` has the zones.

    Only zones that differ from what holds for all others are listed; slot 0 is that of the others. A contact that is
    gone has no clock: its reason says so.
    """
    listed = {name: start for name, start in starts.zones.items() if start != starts.other}
    slots = list(dict.fromkeys([starts.other, *listed.values()]))
    places = {start: place for place, start in enumerate(slots)}
    return SQL(""",
        clocks (zone, slot, late) AS MATERIALIZED (
            SELECT * FROM unnest({zones}::text[], {places}::integer[], {lates}::boolean[])
        ),
        slots (slot, due, wait) AS MATERIALIZED (
            SELECT n - 1, due, wait FROM unnest({dues}::timestamptz[], {waits}::text[])
                WITH ORDINALITY AS u (due, wait, n)
        ),
        timed AS MATERIALIZED (
            SELECT q.contact_id, q.address_id, coalesce(k.slot, 0) AS slot,
                CASE WHEN q.reason IS NOT NULL THEN q.reason
                    WHEN coalesce(k.late, {other_late}) THEN {cut_off} END AS reason
            FROM classified q LEFT JOIN clocks k ON k.zone = q.zone
        )
    """).format(
        zones=Literal(list(listed)),
        places=Literal([places[start] for start in listed.values()]),
        lates=Literal([start.too_late for start in listed.values()]),
        other_late=Literal(starts.other.too_late),
        cut_off=Literal(SkipReason.CUT_OFF.value),
        dues=Literal([start.due for start in slots]),
        waits=Literal([start.wait for start in slots]),
    )
