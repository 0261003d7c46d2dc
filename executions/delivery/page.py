"""One page of a plan as one statement: its contacts' recipients classified, in batches or in the ledger."""

from datetime import date
from typing import NamedTuple

from psycopg.sql import SQL, Composable, Literal

from common.channels import APP_TYPES
from executions.delivery import timed
from executions.delivery.batches import BATCH_SIZE
from executions.delivery.classify import Scope, candidates_sql, contacts_sql
from executions.delivery.clocks import Starts
from executions.delivery.planned_rows import AT_ONCE, planned_rows_sql, skips_sql
from executions.delivery.shared_addresses import Frozen
from executions.states import SkipReason

# Contacts as far apart as this, on average, are looked up one by one: between them lie others' addresses.
SPARSE = 8
# The recipients of a page fit into memory; compiling its statement would take longer than running it.
_SETTINGS = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off"


class Page(NamedTuple):
    """The audience's contacts with after < id ≤ last: so many when they were counted."""

    after: int
    last: int
    contacts: int

    @property
    def settings(self) -> str:
        """Of the page's transaction: whatever is joined is so many rows, even where statistics know of none yet."""
        return _SETTINGS if self.sparse else f"{_SETTINGS}; SET LOCAL enable_nestloop = off"

    @property
    def sparse(self) -> bool:
        return self.last - self.after > self.contacts * SPARSE


def page_sql(
    scope: Scope,
    page: Page,
    *,
    launched_on: date,
    frozen: Frozen | None,
    few_suppressions: bool,
    starts: Starts | None = None,
    batch_size: int = BATCH_SIZE,
) -> Composable:
    """Answers the page's skips: reason to count. `frozen` is None where the audience has no other page, `starts`
    where nobody's clock is asked."""
    source = SQL("classified" if starts is None else "timed")
    return SQL("""
        WITH found AS MATERIALIZED ({candidates}),
        {contested},
        classified AS MATERIALIZED (
            SELECT contact_id, address_id{zone}, CASE WHEN reason IS NOT NULL THEN reason
                WHEN address_id IN (SELECT address_id FROM duplicates) THEN {duplicate} END AS reason
            FROM found
        ){timed}, {rows}
        SELECT {skips}
    """).format(
        candidates=_candidates(scope, page, frozen, few_suppressions=few_suppressions, zones=starts is not None),
        contested=_contested(scope, page, frozen),
        zone=timed.NOTHING if starts is None else SQL(", zone"),
        duplicate=Literal(SkipReason.DUPLICATE_ADDRESS.value),
        timed=timed.NOTHING if starts is None else timed.timed_sql(starts),
        rows=planned_rows_sql(
            scope,
            source,
            launched_on=launched_on,
            due=AT_ONCE if starts is None else timed.BY_CLOCK,
            batch_size=batch_size,
        ),
        skips=skips_sql(source),
    )


def _candidates(scope: Scope, page: Page, frozen: Frozen | None, *, few_suppressions: bool, zones: bool) -> Composable:
    bounds = (page.after, page.last)
    return candidates_sql(
        scope,
        contacts_sql(scope, after=page.after, until=page.last, zones=zones),
        fresh=_fresh(frozen),
        within=None if page.sparse else bounds,
        one_by_one=page.sparse,
        few_suppressions=few_suppressions,
        zones=zones,
    )


def _fresh(frozen: Frozen | None) -> Composable:
    """Written by a transaction that the frozen snapshot may not have seen. (`age` is the distance from our own.)"""
    if frozen is None:
        return SQL("false")
    return SQL("age(a.xmin) <= (SELECT least(pg_current_xact_id()::text::bigint - {}, 2147483647)::integer)").format(
        Literal(frozen.horizon)
    )


def _contested(scope: Scope, page: Page, frozen: Frozen | None) -> Composable:
    """Ends with `duplicates`: address_id. Tokens are unique by app already; messages of one's own are not alike.

    PostgreSQL expects a row or two wherever these are joined: so they are hashed, as subqueries that it can't join.
    """
    if scope.type in APP_TYPES or scope.own_messages:
        return SQL("duplicates AS (SELECT 0::bigint AS address_id WHERE false)")
    return SQL("{suspects}, {earlier}, {duplicates}{taken}").format(
        suspects=_suspects(scope, frozen),
        earlier=_planned_earlier(scope, page, frozen),
        duplicates=_DUPLICATES,
        taken=SQL("") if frozen is None else _TAKE.format(execution=Literal(scope.execution_id)),
    )


def _suspects(scope: Scope, frozen: Frozen | None) -> Composable:
    """Recipients that may not be the only ones with their address, and whether a page before has given it away."""
    if frozen is None:
        return SQL("""
            suspects AS MATERIALIZED (
                SELECT contact_id, address_id, value, false AS taken, false AS fresh FROM found
                WHERE reason IS NULL AND (value IN (
                    SELECT value FROM found WHERE reason IS NULL GROUP BY value HAVING count(*) > 1)) IS TRUE)
        """)
    return SQL("""
        suspects AS MATERIALIZED (
            SELECT f.contact_id, f.address_id, f.value, t.taken IS TRUE AS taken, f.fresh AND t.value IS NULL AS fresh
            FROM found f LEFT JOIN executions_sharedaddress t ON t.execution_id = {execution} AND t.value = f.value
            WHERE f.reason IS NULL AND (t.value IS NOT NULL OR {shared}))
    """).format(execution=Literal(scope.execution_id), shared=_probed(scope) if frozen.probes else SQL(_AS_FRESH))


# A fresh row's address makes its older holders on the page suspect too.
_AS_FRESH = "f.value IN (SELECT value FROM found WHERE fresh AND reason IS NULL)"


def _probed(scope: Scope) -> Composable:
    return SQL("""
        EXISTS (SELECT FROM audiences_address o WHERE o.workspace_id = {} AND o.type = {} AND o.value = f.value
            AND o.contact_id <> f.contact_id)
    """).format(Literal(scope.workspace_id), Literal(scope.type))


def _planned_earlier(scope: Scope, page: Page, frozen: Frozen | None) -> Composable:
    """Addresses that were not shared when a page before planned them, and have a fresh second holder on this one."""
    if frozen is None:
        return SQL("planned_earlier AS (SELECT ''::text AS value WHERE false)")
    return SQL("""
        holders AS MATERIALIZED (
            SELECT s.value, o.id FROM suspects s, LATERAL (
                SELECT id FROM audiences_address o WHERE o.workspace_id = {workspace} AND o.type = {type}
                    AND o.value = s.value AND o.contact_id <= {after} OFFSET 0) o
            WHERE s.fresh
        ),
        planned AS MATERIALIZED (
            SELECT id FROM (
                SELECT unnest(r.address_ids) AS id FROM executions_batch b
                JOIN executions_batchrecipients r ON r.batch_id = b.id
                WHERE b.execution_id = {execution} AND EXISTS (SELECT FROM holders)) everyone
            WHERE (id IN (SELECT id FROM holders)) IS TRUE
        ),
        planned_earlier AS MATERIALIZED (SELECT value FROM holders WHERE (id IN (SELECT id FROM planned)) IS TRUE)
    """).format(
        workspace=Literal(scope.workspace_id),
        type=Literal(scope.type),
        after=Literal(page.after),
        execution=Literal(scope.execution_id),
    )


_DUPLICATES = SQL("""
    duplicates AS MATERIALIZED (
        SELECT address_id FROM (
            SELECT address_id, value, taken,
                row_number() OVER (PARTITION BY value ORDER BY contact_id, address_id) AS place FROM suspects) s
        WHERE taken OR place > 1 OR value IN (SELECT value FROM planned_earlier)
    )
""")
_TAKE = SQL(""",
    given_away AS (
        INSERT INTO executions_sharedaddress (execution_id, value, taken)
        SELECT {execution}, value, true FROM suspects
        WHERE NOT taken AND (address_id IN (SELECT address_id FROM duplicates)) IS NOT TRUE
        ON CONFLICT (execution_id, value) DO UPDATE SET taken = true
    )
""")
