"""Who an execution's recipients are, and which of them are ruled out before anything is sent: as SQL.

A recipient is a contact with one of its addresses of the execution's type, or a contact with none (address 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Composable, Identifier, Literal

from audiences.sources import source_condition
from common.channels import APP_TYPES
from executions.delivery.retried import Retried
from executions.states import SkipReason

GREATEST_ID = 2**63 - 1
_FALSE = SQL("false")


@dataclass(frozen=True, slots=True)
class Scope:
    """What decides who is a recipient. `app_ids` restrict push and webpush; other types have no apps.

    A retry's recipients are those of the ledger, whatever other addresses their contacts have. `own_messages`: each has
    one of their own, so whoever shares an address is sent to as well.
    """

    workspace_id: int
    execution_id: int | None
    type: str
    app_ids: tuple[str, ...]
    audience: Mapping[str, Any]
    retried: Retried | None = None
    own_messages: bool = False

    def condition(self, alias: str, *, bounds: tuple[int, int] | None = None) -> Composable:
        if self.retried is not None:
            return self.retried.condition(Identifier(alias))
        return source_condition(
            workspace_id=self.workspace_id,
            execution_id=self.execution_id,
            audience=self.audience,
            alias=alias,
            bounds=bounds,
        )


def contacts_sql(
    scope: Scope, *, after: int = 0, until: int | None = None, limit: int | None = None, zones: bool = False
) -> Composable:
    """`SELECT id`, and with `zones` the `zone`: the audience's contacts with after < id ≤ until, the first `limit` of
    them by id."""
    upper = SQL("") if until is None else SQL(" AND c.id <= {}").format(Literal(until))
    bounds = (after, GREATEST_ID if until is None else until)
    count = SQL("") if limit is None else SQL(" LIMIT {}").format(Literal(limit))
    if scope.retried is not None:
        where = SQL("d.contact_id > {} AND d.contact_id <= {}").format(*map(Literal, bounds))
        found = scope.retried.recipients(where=where)
        return SQL("SELECT DISTINCT r.contact_id AS id{} FROM {} r ORDER BY r.contact_id{}").format(
            _RETRIED_ZONE if zones else _NOTHING, found, count
        )
    return SQL("SELECT c.id{} FROM audiences_contact c WHERE {} AND c.id > {}{} ORDER BY c.id{}").format(
        _ZONE if zones else _NOTHING, scope.condition("c", bounds=bounds), Literal(after), upper, count
    )


_NOTHING = SQL("")
_ZONE = SQL(", c.timezone AS zone")
_RETRIED_ZONE = SQL(", (SELECT c.timezone FROM audiences_contact c WHERE c.id = r.contact_id) AS zone")


def recipients_sql(scope: Scope, contacts: Composable, *, until: int | None = None, many: bool = False) -> Composable:
    """`SELECT contact_id, address_id, reason` for every recipient among `contacts` (a SELECT of ids).

    `reason` is the first skip reason that applies, NULL for whoever is to be sent to. Of equal addresses the
    contact with the lowest id in the whole audience (up to `until`) keeps it, be it in `contacts` or not. Of `many`
    contacts, only addresses that more than one contact of the workspace has are looked up.
    """
    return SQL("""
        SELECT contact_id, address_id, CASE WHEN reason IS NOT NULL THEN reason {duplicate} END AS reason
        FROM ({candidates}) a
    """).format(duplicate=_duplicate(scope, until, many=many), candidates=candidates_sql(scope, contacts))


def candidates_sql(
    scope: Scope,
    contacts: Composable,
    *,
    fresh: Composable = _FALSE,
    within: tuple[int, int] | None = None,
    one_by_one: bool = False,
    few_suppressions: bool = False,
    zones: bool = False,
) -> Composable:
    """`SELECT contact_id, address_id, value, reason, fresh` for every recipient among `contacts` (a SELECT of ids),
    and their `zone` where `zones` says that these have it.

    `reason` as in `recipients_sql`, but nobody is a duplicate yet; `fresh` is a condition on the address `a`.
    PostgreSQL can't know how many contacts there are, so it is told what to read: every address of contacts with
    within[0] < id ≤ within[1], or, `one_by_one`, those of each contact, however far they are apart.
    """
    return SQL("""
        SELECT p.id AS contact_id, {address} AS address_id, a.value, CASE
            WHEN a.id IS NULL THEN {missing}
            WHEN a.state <> 'active' THEN {invalid}
            WHEN s.value IS NOT NULL THEN {suppressed}
            WHEN a.consent <> 'subscribed' THEN {unsubscribed} END AS reason, {fresh} AS fresh{zone}
        FROM ({contacts}) p LEFT JOIN {addresses} LEFT JOIN {suppressions}
    """).format(
        address=SQL("coalesce(a.id, 0)") if scope.retried is None else SQL("f.address_id"),
        missing=Literal((SkipReason.UNREACHABLE if scope.retried is None else SkipReason.DELETED).value),
        invalid=Literal(SkipReason.INVALID_ADDRESS.value),
        suppressed=Literal(SkipReason.SUPPRESSED.value),
        unsubscribed=Literal(SkipReason.UNSUBSCRIBED.value),
        fresh=fresh,
        zone=SQL(", p.zone") if zones else _NOTHING,
        contacts=contacts,
        addresses=_addresses(scope, within=within, one_by_one=one_by_one),
        suppressions=_suppressions(scope, few=few_suppressions),
    )


def _addresses(scope: Scope, *, within: tuple[int, int] | None, one_by_one: bool) -> Composable:
    if scope.retried is not None:
        return _retried_addresses(scope.retried, within)
    wanted = SQL("a.contact_id = p.id AND a.type = {}{}").format(Literal(scope.type), _apps(scope))
    if one_by_one:
        return SQL("LATERAL (SELECT a.*, a.xmin FROM audiences_address a WHERE {} OFFSET 0) a ON TRUE").format(wanted)
    if within is None:
        return SQL("audiences_address a ON {}").format(wanted)
    return SQL("audiences_address a ON {} AND a.contact_id > {} AND a.contact_id <= {}").format(
        wanted, *map(Literal, within)
    )


def _retried_addresses(retried: Retried, within: tuple[int, int] | None) -> Composable:
    """The ledger's recipients `f`, with their addresses `a` where there still are any."""
    if within is None:
        found = retried.recipients(where=SQL("d.contact_id = p.id"))
        return SQL(
            "LATERAL {} f ON TRUE LEFT JOIN audiences_address a ON a.id = f.address_id AND a.contact_id = p.id"
        ).format(found)
    after, last = map(Literal, within)
    found = retried.recipients(where=SQL("d.contact_id > {} AND d.contact_id <= {}").format(after, last))
    return SQL(
        "{} f ON f.contact_id = p.id LEFT JOIN audiences_address a ON a.id = f.address_id AND a.contact_id = p.id"
        " AND a.contact_id > {} AND a.contact_id <= {}"
    ).format(found, after, last)


def _suppressions(scope: Scope, *, few: bool) -> Composable:
    """A few are hashed for all recipients; many are looked up for each, or every page would hash them all."""
    this = SQL("s.workspace_id = {} AND s.type = {} AND s.value = a.value").format(
        Literal(scope.workspace_id), Literal(scope.type)
    )
    if few:
        return SQL("audiences_suppression s ON {}").format(this)
    return SQL("LATERAL (SELECT s.value FROM audiences_suppression s WHERE {} OFFSET 0) s ON TRUE").format(this)


def _apps(scope: Scope) -> Composable:
    if scope.type not in APP_TYPES or not scope.app_ids:
        return SQL("")
    return SQL(
        " AND a.app_id = ANY (ARRAY(SELECT id FROM workspaces_app WHERE workspace_id = {} AND app_id = ANY ({})))"
    ).format(Literal(scope.workspace_id), Literal(list(scope.app_ids)))


def _duplicate(scope: Scope, until: int | None, *, many: bool) -> Composable:
    """Tokens are unique by app already. A copy that nothing is sent to anyway keeps the address from nobody."""
    if scope.type in APP_TYPES:
        return SQL("")
    upper = SQL("") if until is None else SQL(" AND o.id <= {}").format(Literal(until))
    return SQL("""
        WHEN {shared}EXISTS (SELECT FROM audiences_address d JOIN audiences_contact o ON o.id = d.contact_id
                WHERE d.workspace_id = {workspace} AND d.type = {type} AND d.value = a.value
                AND d.contact_id < a.contact_id AND d.state = 'active' AND d.consent = 'subscribed'
                AND {condition}{upper}) THEN {reason}
    """).format(
        shared=SQL("a.value IN ({}) AND ").format(shared_values_sql(scope)) if many else SQL(""),
        workspace=Literal(scope.workspace_id),
        type=Literal(scope.type),
        condition=scope.condition("o"),
        upper=upper,
        reason=Literal(SkipReason.DUPLICATE_ADDRESS.value),
    )


def shared_values_sql(scope: Scope) -> Composable:
    """`SELECT value`: the addresses of several contacts of the workspace; a million are read in a third of a second."""
    return SQL("""
        SELECT value FROM audiences_address WHERE workspace_id = {} AND type = {} GROUP BY value HAVING count(*) > 1
    """).format(Literal(scope.workspace_id), Literal(scope.type))
