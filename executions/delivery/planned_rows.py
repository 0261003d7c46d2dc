"""What planned recipients become: a ledger row where they are ruled out, else a place in a batch. As SQL."""

from datetime import date
from typing import NamedTuple

from psycopg.sql import SQL, Composable, Literal

from executions.delivery.batches import BATCH_SIZE
from executions.delivery.classify import Scope
from executions.states import BatchState, Outcome
from executions.timing.local_time import READY


class Due(NamedTuple):
    """When batches are due, and why not before. `columns` part the recipients, with a comma after each."""

    columns: Composable
    group: Composable
    order: Composable
    due: Composable
    wait: Composable


AT_ONCE = Due(SQL(""), SQL(""), SQL(" ORDER BY contact_id, address_id"), SQL("clock_timestamp()"), Literal(READY))


def planned_rows_sql(
    scope: Scope, source: Composable, *, launched_on: date, due: Due = AT_ONCE, batch_size: int = BATCH_SIZE
) -> Composable:
    """CTEs that write everybody of `source`: contact_id, address_id, reason, and the columns that `due` names."""
    return SQL("""
        ruled_out AS (
            INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,
                outcome, attempts, recorded_at, reason)
            SELECT {launched_on}, {execution}, contact_id, address_id, {workspace}, {skipped}, 0,
                clock_timestamp(), reason
            FROM {source} WHERE reason IS NOT NULL
        ),
        sendable AS (
            SELECT {columns}count(*) AS n, array_agg(contact_id) AS contact_ids, array_agg(address_id) AS address_ids
            FROM (SELECT {columns}contact_id, address_id FROM {source} WHERE reason IS NULL{order}) o{group}
        ),
        batches AS MATERIALIZED (
            SELECT nextval(pg_get_serial_sequence('executions_batch', 'id')) AS id, {columns}
                contact_ids[first:first + {size} - 1] AS contact_ids,
                address_ids[first:first + {size} - 1] AS address_ids
            FROM sendable, generate_series(1, n, {size}) first
        ),
        hot AS (
            INSERT INTO executions_batch (id, execution_id, workspace_id, state, size, not_before, reason, attempt,
                crashes, position, marked_to, journal, sent, skipped, failed, unknown, parked, reasons)
            SELECT id, {execution}, {workspace}, {open}, cardinality(contact_ids), {due}, {wait}, 0,
                0, 0, 0, '', 0, 0, 0, 0, 0, '{{}}' FROM batches
        ),
        arrays AS (
            INSERT INTO executions_batchrecipients (batch_id, contact_ids, address_ids)
            SELECT id, contact_ids, address_ids FROM batches
        )
    """).format(
        **due._asdict(),
        source=source,
        launched_on=Literal(launched_on),
        execution=Literal(scope.execution_id),
        workspace=Literal(scope.workspace_id),
        skipped=Literal(Outcome.SKIPPED.value),
        open=Literal(BatchState.OPEN.value),
        size=Literal(batch_size),
    )


def skips_sql(source: Composable) -> Composable:
    """One text: the skips of `source`, reason to count, as JSON."""
    return SQL("""
        (SELECT coalesce(jsonb_object_agg(reason, n), '{{}}')::text FROM (
            SELECT reason, count(*) AS n FROM {} WHERE reason IS NOT NULL GROUP BY reason) r)
    """).format(source)
