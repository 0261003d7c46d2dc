"""Who an execution's recipients are, and which of them are ruled out before anything is sent: as SQL.

A recipient is a contact with one of its addresses of the execution's type, or a contact with none (address 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Composable, Literal

from audiences.sources import source_condition
from common.channels import APP_TYPES
from executions.states import SkipReason

GREATEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Scope:
    """What decides who is a recipient. `app_ids` restrict push and webpush; other types have no apps."""

    workspace_id: int
    execution_id: int | None
    type: str
    app_ids: tuple[str, ...]
    audience: Mapping[str, Any]

    def condition(self, alias: str, *, bounds: tuple[int, int] | None = None) -> Composable:
        return source_condition(
            workspace_id=self.workspace_id,
            execution_id=self.execution_id,
            audience=self.audience,
            alias=alias,
            bounds=bounds,
        )


def contacts_sql(scope: Scope, *, after: int = 0, until: int | None = None, limit: int | None = None) -> Composable:
    """`SELECT id`: the audience's contacts with after < id ≤ until, the first `limit` of them by id."""
    upper = SQL("") if until is None else SQL(" AND c.id <= {}").format(Literal(until))
    bounds = (after, GREATEST_ID if until is None else until)
    count = SQL("") if limit is None else SQL(" LIMIT {}").format(Literal(limit))
    return SQL("SELECT c.id FROM audiences_contact c WHERE {} AND c.id > {}{} ORDER BY c.id{}").format(
        scope.condition("c", bounds=bounds), Literal(after), upper, count
    )


def recipients_sql(
    scope: Scope, contacts: Composable, *, until: int | None = None, one_by_one: bool = False
) -> Composable:
    """`SELECT contact_id, address_id, reason` for every recipient among `contacts` (a SELECT of ids).

    `reason` is the first skip reason that applies, NULL for whoever is to be sent to. Of equal addresses the
    contact with the lowest id in the whole audience (up to `until`) keeps it, be it in `contacts` or not.
    `one_by_one` looks each contact's addresses up by index, however few of the workspace's contacts are given and
    however far apart: PostgreSQL, which can't know, would read everybody's.
    """
    return SQL("""
        SELECT p.id AS contact_id, coalesce(a.id, 0) AS address_id, CASE
            WHEN a.id IS NULL THEN {unreachable}
            WHEN a.state <> 'active' THEN {invalid}
            WHEN EXISTS (SELECT FROM audiences_suppression s WHERE s.workspace_id = {workspace}
                AND s.type = {type} AND s.value = a.value) THEN {suppressed}
            WHEN a.consent <> 'subscribed' THEN {unsubscribed}
            {duplicate}
            END AS reason
        FROM ({contacts}) p
        LEFT JOIN {addresses}
    """).format(
        unreachable=Literal(SkipReason.UNREACHABLE.value),
        invalid=Literal(SkipReason.INVALID_ADDRESS.value),
        suppressed=Literal(SkipReason.SUPPRESSED.value),
        unsubscribed=Literal(SkipReason.UNSUBSCRIBED.value),
        duplicate=_duplicate(scope, until),
        workspace=Literal(scope.workspace_id),
        type=Literal(scope.type),
        contacts=contacts,
        addresses=_addresses(scope, one_by_one=one_by_one),
    )


def _addresses(scope: Scope, *, one_by_one: bool) -> Composable:
    wanted = SQL("a.contact_id = p.id AND a.type = {}{}").format(Literal(scope.type), _apps(scope))
    if not one_by_one:
        return SQL("audiences_address a ON {}").format(wanted)
    return SQL("LATERAL (SELECT a.* FROM audiences_address a WHERE {} OFFSET 0) a ON TRUE").format(wanted)


def _apps(scope: Scope) -> Composable:
    if scope.type not in APP_TYPES or not scope.app_ids:
        return SQL("")
    return SQL(
        " AND a.app_id = ANY (ARRAY(SELECT id FROM workspaces_app WHERE workspace_id = {} AND app_id = ANY ({})))"
    ).format(Literal(scope.workspace_id), Literal(list(scope.app_ids)))


def _duplicate(scope: Scope, until: int | None) -> Composable:
    """Tokens are unique by app already. A copy that nothing is sent to anyway keeps the address from nobody."""
    if scope.type in APP_TYPES:
        return SQL("")
    upper = SQL("") if until is None else SQL(" AND o.id <= {}").format(Literal(until))
    return SQL("""
            WHEN EXISTS (SELECT FROM audiences_address d JOIN audiences_contact o ON o.id = d.contact_id
                WHERE d.workspace_id = {workspace} AND d.type = {type} AND d.value = a.value
                AND d.contact_id < a.contact_id AND d.state = 'active' AND d.consent = 'subscribed'
                AND {condition}{upper}) THEN {reason}
    """).format(
        workspace=Literal(scope.workspace_id),
        type=Literal(scope.type),
        condition=scope.condition("o"),
        upper=upper,
        reason=Literal(SkipReason.DUPLICATE_ADDRESS.value),
    )
