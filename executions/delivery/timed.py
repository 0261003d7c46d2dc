"""The part of a page's statement that is there only where recipients' own clocks are asked when they are due."""

from psycopg.sql import SQL, Composable, Literal

from executions.delivery.clocks import Starts
from executions.states import SkipReason
from executions.timing.local_time import Start

# What recipients are grouped by, so that a batch has one time and one reason to wait.
COLUMNS = SQL("due, wait, ")
GROUP = SQL(" GROUP BY due, wait")
NOTHING = SQL("")


def timed_sql(starts: Starts, *, workspace_id: int, bounds: tuple[int, int]) -> Composable:
    """CTEs, the last `timed`: contact_id, address_id, reason, due, wait. Reads the contacts within `bounds`.

    Only zones that differ from what holds for all others are listed. A contact that is gone has no clock: its reason
    says so.
    """
    listed = {name: start for name, start in starts.zones.items() if start != starts.other}
    after, last = map(Literal, bounds)
    return SQL(""",
        clocks (zone, due, wait, late) AS MATERIALIZED (
            SELECT * FROM unnest({zones}::text[], {dues}::timestamptz[], {waits}::text[], {lates}::boolean[])
        ),
        timed AS MATERIALIZED (
            SELECT q.contact_id, q.address_id,
                CASE WHEN q.reason IS NOT NULL THEN q.reason
                    WHEN CASE WHEN k.zone IS NULL THEN {other_late} ELSE k.late END THEN {cut_off} END AS reason,
                CASE WHEN k.zone IS NULL THEN {other_due}::timestamptz ELSE k.due END AS due,
                CASE WHEN k.zone IS NULL THEN {other_wait} ELSE k.wait END AS wait
            FROM classified q
            LEFT JOIN audiences_contact c ON c.id = q.contact_id AND c.workspace_id = {workspace}
                AND c.id > {after} AND c.id <= {last}
            LEFT JOIN clocks k ON k.zone = c.timezone
        )
    """).format(
        **_columns(listed),
        other_late=Literal(starts.other.too_late),
        other_due=Literal(starts.other.due),
        other_wait=Literal(starts.other.wait),
        cut_off=Literal(SkipReason.CUT_OFF.value),
        workspace=Literal(workspace_id),
        after=after,
        last=last,
    )


def _columns(listed: dict[str, Start]) -> dict[str, Composable]:
    return {
        "zones": Literal(list(listed)),
        "dues": Literal([start.due for start in listed.values()]),
        "waits": Literal([start.wait for start in listed.values()]),
        "lates": Literal([start.too_late for start in listed.values()]),
    }
