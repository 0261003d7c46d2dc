"""Which addresses several contacts have, so that over all pages of a plan one recipient of each is planned.

Pages see different snapshots: contacts, consent and lists change while a long audience is planned. So it is not
asked who should have an address, but who took it: whoever is planned first, which without changes is the contact
with the lowest id. Only addresses that may be contested are looked up, and those are

- the ones that more than one contact had when planning began, frozen as `SharedAddress` in one statement, and
- the ones of rows written since (`fresh`): an address that was there then, and is not fresh, had one contact only.

Where the audience is a small part of the workspace, nothing is frozen beforehand: each address is probed for other
contacts instead. An audience of one page sees one snapshot and needs neither.
"""

from typing import NamedTuple

import orjson
from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from executions.delivery.classify import Scope, shared_values_sql
from executions.models import SharedAddress

# A probe costs as much as reading so many addresses in the order of their values.
PROBE_COST = 16


class Frozen(NamedTuple):
    """`horizon`: the oldest transaction that ran then. `probes`: nothing was frozen, addresses are probed."""

    horizon: int
    probes: bool


def freeze(scope: Scope, audience: Composable) -> Frozen:
    """Once per execution, before its first page: of planners that race, the first one's counts."""
    values = shared_values_sql(scope)
    probes = rows_expected(audience) * PROBE_COST < rows_expected(_addresses_of(scope))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FREEZE.format(execution=Literal(scope.execution_id), values=values, probes=Literal(probes)))
        cursor.execute(_KEEP, [cursor.fetchone()[0], probes, scope.execution_id])
        transaction.set_rollback(not cursor.rowcount)
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [scope.execution_id])
        return Frozen(*cursor.fetchone())


_FREEZE = SQL("""
    WITH frozen AS (
        INSERT INTO executions_sharedaddress (execution_id, value, taken)
        SELECT {execution}, value, false FROM ({values}) v WHERE NOT {probes} ON CONFLICT DO NOTHING)
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint
""")
_KEEP = "UPDATE executions_execution SET plan_horizon = %s, plan_probes = %s WHERE id = %s AND plan_horizon IS NULL"
_KEPT = "SELECT plan_horizon, plan_probes FROM executions_execution WHERE id = %s"


def forget(execution_id: int) -> None:
    """Nobody asks after planning."""
    SharedAddress.objects.filter(execution_id=execution_id).delete()


def _addresses_of(scope: Scope) -> Composable:
    return SQL("SELECT value FROM audiences_address WHERE workspace_id = {} AND type = {}").format(
        Literal(scope.workspace_id), Literal(scope.type)
    )


def rows_expected(query: Composable) -> int:
    """By PostgreSQL's statistics."""
    with connection.cursor() as cursor:
        cursor.execute(SQL("EXPLAIN (FORMAT JSON) ") + query)
        [[explained]] = cursor.fetchall()
    plan = orjson.loads(explained) if isinstance(explained, str) else explained
    return int(plan[0]["Plan"]["Plan Rows"])
