"""A rule as one condition in SQL on a contact: values are quoted by psycopg, never put together as text.

What people did and received is asked for by EXISTS, so that PostgreSQL may answer it by set: it reads the events or
the ledger's rows once and joins them by hash, or looks each contact up where there are few.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.sql import SQL, Composable, Identifier, Literal

from audiences.segments.comparing import comparison_sql
from audiences.segments.event_references import event_properties, needs_event
from audiences.segments.periods import Moment, window
from audiences.segments.vocabulary import OPPOSITES, Kind
from common.errors import Invalid

Condition = Mapping[str, Any]

# `executions.states.Outcome.SENT`, which this app can't import.
_SENT = 1
# An event's own time is at most this long after the month in which it was received.
_EARLY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Asking:
    workspace_id: int
    moment: Moment
    contact: Identifier


def rule_sql(rule: Condition, *, workspace_id: int, moment: Moment, alias: str = "c") -> Composable:
    """A boolean on `alias`, a row of `audiences_contact` of this workspace; `rule` as `read_rule` gave it.

    Raises `Invalid` for one that refers to an event: `with_event` puts its values in.
    """
    if properties := event_properties(rule):
        raise Invalid([needs_event(properties)], detail="Nobody was looked up.")
    return _node(_Asking(workspace_id, moment, Identifier(alias)), rule)


def _node(asking: _Asking, node: Condition) -> Composable:
    match Kind(node["type"]):
        case Kind.AND:
            return _joined(asking, node, " AND ")
        case Kind.OR:
            return _joined(asking, node, " OR ")
        case Kind.NOT:
            return SQL("(NOT {})").format(_node(asking, node["condition"]))
        case Kind.ATTRIBUTE:
            return comparison_sql(SQL("{}.attributes").format(asking.contact), node, asking.moment)
        case kind:
            fits = _BY_KIND[kind](asking, node)
            return SQL("(NOT {})").format(fits) if node["operator"] in OPPOSITES else fits


def _joined(asking: _Asking, node: Condition, word: str) -> Composable:
    return SQL("({})").format(SQL(word).join([_node(asking, child) for child in node["conditions"]]))


def _event(asking: _Asking, node: Condition) -> Composable:
    first, last = window(node.get("within"), asking.moment.now)
    conditions = [
        SQL("e.workspace_id = {}").format(Literal(asking.workspace_id)),
        SQL("e.name = {}").format(Literal(node["name"])),
        SQL("e.contact_id IS NOT NULL"),
        *_between("e.at", first, last),
        *_months(first),
        *(comparison_sql(SQL("e.properties"), one, asking.moment) for one in node.get("where", ())),
    ]
    return _counted(asking, SQL(" AND ").join(conditions), node.get("count"))


def _months(first: datetime | None) -> list[Composable]:
    """Partitions are by month of receipt; see `audiences.events.models.Event`."""
    if first is None:
        return []
    month = (first.astimezone(UTC) - _EARLY).date().replace(day=1)
    return [SQL("e.received_month >= {}").format(Literal(month))]


def _counted(asking: _Asking, events: Composable, count: Mapping[str, Any] | None) -> Composable:
    operator, number = (count["operator"], int(count["value"])) if count else ("at_least", 1)
    match operator, number:
        case ("at_least", 0):
            return SQL("TRUE")
        case ("at_least", 1):
            return SQL("EXISTS (SELECT FROM audiences_event e WHERE e.contact_id = {}.id AND {})").format(
                asking.contact, events
            )
        case ("at_most", _):
            return SQL("(NOT {})").format(_counted(asking, events, {"operator": "at_least", "value": number + 1}))
        case ("exactly", 0):
            return SQL("(NOT {})").format(_counted(asking, events, None))
    return SQL(
        "EXISTS (SELECT FROM (SELECT e.contact_id FROM audiences_event e WHERE {events}"
        " GROUP BY e.contact_id HAVING count(*) {compared} {number}) f WHERE f.contact_id = {contact}.id)"
    ).format(
        events=events,
        compared=SQL("=") if operator == "exactly" else SQL(">="),
        number=Literal(number),
        contact=asking.contact,
    )


def _list(asking: _Asking, node: Condition) -> Composable:
    return SQL(
        "EXISTS (SELECT FROM audiences_listmembership m WHERE m.list_id = ANY ({}::bigint[])"
        " AND m.workspace_id = {} AND m.contact_id = {}.id)"
    ).format(Literal(node["list_ids"]), Literal(asking.workspace_id), asking.contact)


def _campaign(asking: _Asking, node: Condition) -> Composable:
    """The ledger has no index on contacts. Its key begins with the execution, so those are found first, each a range
    of one partition: what it costs is the rows of the executions named, whatever else was sent."""
    first, last = window(node.get("within"), asking.moment.now)
    executions = _executions(asking, node, first)
    return SQL(
        "EXISTS (SELECT FROM executions_delivery d WHERE d.launched_on = ANY (ARRAY(SELECT x.launched_on {executions}))"
        " AND d.execution_id = ANY (ARRAY(SELECT x.id {executions})) AND d.contact_id = {contact}.id AND {conditions})"
    ).format(
        executions=executions,
        contact=asking.contact,
        conditions=SQL(" AND ").join(
            [SQL("d.outcome = {}").format(Literal(_SENT)), *_between("d.sent_at", first, last)]
        ),
    )


def _executions(asking: _Asking, node: Condition, first: datetime | None) -> Composable:
    """Of the campaigns named or tagged; nobody was sent anything by one that had ended before."""
    named: list[Composable] = []
    if "campaign_ids" in node:
        named.append(SQL("x.campaign_id = ANY ({}::bigint[])").format(Literal(node["campaign_ids"])))
    if "tags" in node:
        named.append(_tagged(node["tags"]))
    live = SQL(" AND (x.finished_at IS NULL OR x.finished_at >= {})").format(Literal(first)) if first else SQL("")
    return SQL("FROM executions_execution x WHERE x.workspace_id = {workspace} AND ({named}){live}").format(
        workspace=Literal(asking.workspace_id), named=SQL(" OR ").join(named), live=live
    )


def _tagged(tags: list[str]) -> Composable:
    """Tags are one whatever their case, as PostgreSQL sees it."""
    return SQL(
        "EXISTS (SELECT FROM unnest(x.tags) had JOIN unnest({}::text[]) asked ON lower(had) = lower(asked))"
    ).format(Literal(tags))


def _between(column: str, first: datetime | None, last: datetime | None) -> list[Composable]:
    name = Identifier(*column.split("."))
    return [
        *([SQL("{} >= {}").format(name, Literal(first))] if first else []),
        *([SQL("{} <= {}").format(name, Literal(last))] if last else []),
    ]


def _locale(asking: _Asking, node: Condition) -> Composable:
    """`pt` is Portuguese anywhere, `pt-BR` that of Brazil."""
    locale = SQL("{}.locale").format(asking.contact)
    if "values" not in node:
        return SQL("({} <> '')").format(locale)
    fits = [
        SQL("{0} = {1} OR starts_with({0}, {2})").format(locale, Literal(one), Literal(f"{one}-"))
        for one in node["values"]
    ]
    return SQL("({})").format(SQL(" OR ").join(fits))


def _timezone(asking: _Asking, node: Condition) -> Composable:
    timezone = SQL("{}.timezone").format(asking.contact)
    if "values" not in node:
        return SQL("({} <> '')").format(timezone)
    return SQL("({} = ANY ({}::text[]))").format(timezone, Literal(node["values"]))


def _channel(asking: _Asking, node: Condition) -> Composable:
    """An address that a campaign of the type would be sent to: active, subscribed, not suppressed."""
    apps: Composable = SQL("")
    if "app_ids" in node:
        apps = SQL(
            " AND a.app_id = ANY (ARRAY(SELECT id FROM workspaces_app WHERE workspace_id = {} AND app_id = ANY ({})))"
        ).format(Literal(asking.workspace_id), Literal(node["app_ids"]))
    return SQL(
        "EXISTS (SELECT FROM audiences_address a WHERE a.contact_id = {contact}.id AND a.workspace_id = {workspace}"
        " AND a.type = {type} AND a.state = 'active' AND a.consent = 'subscribed'{apps}"
        " AND NOT EXISTS (SELECT FROM audiences_suppression s WHERE s.workspace_id = {workspace}"
        " AND s.type = {type} AND s.value = a.value))"
    ).format(contact=asking.contact, workspace=Literal(asking.workspace_id), type=Literal(node["channel"]), apps=apps)


_BY_KIND: Mapping[Kind, Callable[[_Asking, Condition], Composable]] = {
    Kind.EVENT: _event,
    Kind.LIST: _list,
    Kind.CAMPAIGN: _campaign,
    Kind.LOCALE: _locale,
    Kind.TIMEZONE: _timezone,
    Kind.CHANNEL: _channel,
}
