"""An audience's definition as SQL: which contacts are in it.

A definition is what an execution stores: `{"type": "list", "id": 42, "exclude": [{"type": "upload", "id": 7}]}`.
Types are the keys of `SOURCES`; a new kind of source is one more entry.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composable, Identifier, Literal

from audiences.segments.compiling import rule_sql
from audiences.segments.frozen import frozen_sql
from audiences.segments.periods import Moment


class UnknownSource(ValueError):
    """The definition names a type of source that does not exist."""


_MEMBERSHIPS = {
    "list": ("audiences_listmembership", "list_id"),
    "upload": ("audiences_uploadmembership", "upload_id"),
}


class _Place(NamedTuple):
    """Where a condition is evaluated: for which workspace and execution, on which alias of the contact, and when."""

    workspace_id: int
    execution_id: int | None
    alias: str
    bounds: tuple[int, int] | None
    moment: Moment | None

    @property
    def contact(self) -> Identifier:
        return Identifier(self.alias)


_Audience = Mapping[str, Any]


def source_condition(
    *,
    workspace_id: int,
    execution_id: int | None,
    audience: _Audience,
    alias: str = "c",
    bounds: tuple[int, int] | None = None,
    moment: Moment | None = None,
) -> Composable:
    """A boolean condition on `alias`, a row of `audiences_contact`: does the audience hold it, exclusions applied?

    With `bounds`, only contacts with bounds[0] < id ≤ bounds[1] are asked about; a page of a huge list is then read
    without the pages before it.

    Inline audiences are the rows of `executions_recipientdata`, so they need the execution; before there is one,
    `contact_ids` in the definition names the people. A segment is who fitted its rule when the execution was frozen
    (`executions.delivery.freezing`); with `moment`, who fits the rule now. Raises UnknownSource.
    """
    place = _Place(workspace_id, execution_id, alias, bounds, moment)
    owned = SQL("{}.workspace_id = {}").format(place.contact, Literal(workspace_id))
    return SQL("({} AND {})").format(owned, _condition(place, audience))


def _condition(place: _Place, audience: _Audience) -> Composable:
    source = SOURCES.get(audience["type"])
    if source is None:
        raise UnknownSource(f"{audience['type']!r} is no data source; there are {', '.join(SOURCES)}.")
    included = source(place, audience)
    excluded = audience.get("exclude") or ()
    if not excluded:
        return included
    return SQL("({} AND NOT {})").format(included, _any(place, excluded))


def _any(place: _Place, audiences: Sequence[_Audience]) -> Composable:
    """However many lists are named, and uploads, whether a contact is in one of them is one question."""
    named = {kind: [int(one["id"]) for one in audiences if one["type"] == kind] for kind in _MEMBERSHIPS}
    members = [_member(place, kind, ids) for kind, ids in named.items() if ids]
    others = [_condition(place, one) for one in audiences if one["type"] not in _MEMBERSHIPS]
    return SQL("({})").format(SQL(" OR ").join([*members, *others]))


def _everyone(place: _Place, audience: _Audience) -> Composable:
    return SQL("TRUE")


def _one_of(kind: str) -> Callable[[_Place, _Audience], Composable]:
    return lambda place, audience: _member(place, kind, [int(audience["id"])])


def _member(place: _Place, kind: str, ids: Iterable[int]) -> Composable:
    table, column = _MEMBERSHIPS[kind]
    return SQL(
        "EXISTS (SELECT FROM {table} m WHERE m.{column} {is_named} AND m.contact_id = {contact}.id"
        " AND m.workspace_id = {workspace}{bounds})"
    ).format(
        bounds=_within(place.bounds),
        table=Identifier(table),
        column=Identifier(column),
        is_named=_is_one_of(sorted(set(ids))),
        contact=place.contact,
        workspace=Literal(place.workspace_id),
    )


def _is_one_of(ids: Sequence[int]) -> Composable:
    if len(ids) == 1:
        return SQL("= {}").format(Literal(ids[0]))
    return SQL("= ANY ({}::bigint[])").format(Literal(list(ids)))


def _within(bounds: tuple[int, int] | None) -> Composable:
    if bounds is None:
        return SQL("")
    after, until = bounds
    return SQL(" AND m.contact_id > {} AND m.contact_id <= {}").format(Literal(after), Literal(until))


def _inline(place: _Place, audience: _Audience) -> Composable:
    if "contact_ids" in audience:
        ids = sorted({int(contact_id) for contact_id in audience["contact_ids"]})
        return SQL("{}.id = ANY ({}::bigint[])").format(place.contact, Literal(ids))
    if place.execution_id is None:
        raise ValueError("An inline audience without an execution needs contact_ids.")
    return SQL(
        "EXISTS (SELECT FROM executions_recipientdata m WHERE m.execution_id = {} AND m.contact_id = {}.id{})"
    ).format(Literal(place.execution_id), place.contact, _within(place.bounds))


def _segment(place: _Place, audience: _Audience) -> Composable:
    if place.moment is not None:
        return rule_sql(audience["rule"], workspace_id=place.workspace_id, moment=place.moment, alias=place.alias)
    if place.execution_id is None:
        raise ValueError("A segment without an execution that froze it needs the moment of asking.")
    return frozen_sql(execution_id=place.execution_id, segment_id=int(audience["id"]), contact=place.contact)


def segments_in(audience: _Audience) -> list[_Audience]:
    """The segments that a definition names, in it and in what it excludes."""
    named = [audience, *audience.get("sources", ()), *(audience.get("exclude") or ())]
    return [source for source in named if source.get("type") == "segment"]


def _any_of(place: _Place, audience: _Audience) -> Composable:
    return _any(place, audience["sources"]) if audience["sources"] else SQL("FALSE")


SOURCES: dict[str, Callable[[_Place, _Audience], Composable]] = {
    "all": _everyone,
    "list": _one_of("list"),
    "upload": _one_of("upload"),
    "segment": _segment,
    "contacts": _inline,
    "any_of": _any_of,
}
