"""Reads what a dry run needs, a page of contacts at a time, with the planner's own classification."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson
from django.db import connection
from psycopg.sql import SQL, Composable, Literal

from executions.cap_words import describe
from executions.delivery.classify import Scope, contacts_sql, recipients_sql
from executions.delivery.own_personalization import OWN, own_personalization_sql, personalized_uploads
from executions.delivery.shared_addresses import rows_expected
from executions.models import Execution, FrequencyCap, FrequencyKind

_NOTHING: Mapping[str, Any] = {}


class Candidate(NamedTuple):
    """A recipient that nothing rules out before its message is rendered."""

    contact_id: int
    address_id: int
    external_id: str | None
    locale: str
    timezone: str
    address: str
    attributes: Mapping[str, Any]
    personalization: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PageRead:
    """`last` is None when there are no more contacts."""

    contacts: int
    last: int | None
    ruled_out: Counter[str]
    candidates: list[Candidate]


class Rest(NamedTuple):
    """Contacts, and their recipients: without rendering, so some of the `sendable` may lack a variable."""

    contacts: int
    sendable: int
    ruled_out: Counter[str]
    by_rule: Counter[int]


class Rule(NamedTuple):
    """A cap that the messages fall under; `others` are the kinds of use that do not count for it."""

    id: int
    max: int
    window: int
    words: str
    others: list[int]


def read_page(scope: Scope, *, after: int, until: int, limit: int) -> PageRead:
    """Every recipient of the next `limit` contacts, those to be rendered with what rendering needs."""
    page = contacts_sql(scope, after=after, until=until, limit=limit)
    query = SQL("""
        WITH page AS MATERIALIZED ({page}), classified AS MATERIALIZED ({recipients})
        SELECT r.contact_id, r.address_id, r.reason, c.external_id, c.locale, c.timezone, a.value,
            CASE WHEN r.reason IS NULL THEN c.attributes::text END, {personalization}
        FROM classified r JOIN audiences_contact c ON c.id = r.contact_id
        LEFT JOIN audiences_address a ON a.id = r.address_id
        {own}
        ORDER BY r.contact_id, r.address_id
    """).format(
        personalization=OWN,
        own=own_personalization_sql(
            execution_id=scope.execution_id,
            uploads=personalized_uploads(scope.audience),
            contact_id=SQL("r.contact_id"),
        ),
        page=page,
        recipients=recipients_sql(scope, SQL("SELECT id FROM page"), until=until),
    )
    ruled_out: Counter[str] = Counter()
    candidates: list[Candidate] = []
    seen, contacts = 0, 0
    for contact_id, address_id, reason, external_id, locale, timezone, value, attributes, own in _rows(query):
        if contact_id != seen:
            seen, contacts = contact_id, contacts + 1
        if reason is not None:
            ruled_out[reason] += 1
            continue
        fields = orjson.loads(attributes) if attributes else _NOTHING
        data = orjson.loads(own) if own else _NOTHING
        candidates.append(Candidate(contact_id, address_id, external_id, locale, timezone, value, fields, data))
    return PageRead(contacts, seen if contacts == limit else None, ruled_out, candidates)


def count_rest(scope: Scope, rules: Sequence[Rule], *, after: int, until: int) -> Rest:
    contacts = contacts_sql(scope, after=after, until=until)
    query = SQL("""
        WITH classified AS MATERIALIZED ({recipients})
        SELECT coalesce(r.reason, ''), CASE WHEN r.reason IS NULL THEN {rule} END, count(*) FROM classified r
        LEFT JOIN executions_frequencyuse u ON u.workspace_id = {workspace} AND u.contact_id = r.contact_id
        GROUP BY 1, 2
        UNION ALL SELECT NULL, NULL, (SELECT count(*) FROM ({contacts}) c)
    """).format(
        rule=_refusing_rule(rules),
        recipients=recipients_sql(scope, contacts, until=until, many=True),
        workspace=Literal(scope.workspace_id),
        contacts=contacts,
    )
    number, ruled_out, by_rule = 0, Counter[str](), Counter[int]()
    for reason, rule, count in _rows(query):
        if reason is None:
            number = count
        elif rule is not None:
            by_rule[rule] += count
        else:
            ruled_out[reason] += count
    return Rest(number, ruled_out.pop("", 0), ruled_out, by_rule)


def count_contacts(scope: Scope, audience: Mapping[str, Any], *, until: int) -> int:
    """The contacts of another audience of the same workspace."""
    contacts = contacts_sql(replace(scope, audience=audience), until=until)
    return int(_rows(SQL("SELECT count(*) FROM ({}) c").format(contacts))[0][0])


def contacts_expected(scope: Scope, audience: Mapping[str, Any], *, after: int = 0, until: int) -> int:
    """By PostgreSQL's statistics, where there is no time to count them."""
    return rows_expected(contacts_sql(replace(scope, audience=audience), after=after, until=until))


def capped_contacts(workspace_id: int, rules: Sequence[Rule], contact_ids: Collection[int]) -> dict[int, int]:
    """Contact to the first rule that would refuse it now. Locks nothing, reserves nothing."""
    if not rules or not contact_ids:
        return {}
    query = SQL("""
        SELECT contact_id, rule FROM (
            SELECT u.contact_id, {rule} AS rule FROM executions_frequencyuse u
            WHERE u.workspace_id = {workspace} AND u.contact_id = ANY ({contacts}::bigint[])) judged
        WHERE rule IS NOT NULL
    """)
    return dict(
        _rows(
            query.format(
                rule=_refusing_rule(rules),
                workspace=Literal(workspace_id),
                contacts=Literal(sorted(contact_ids)),
            )
        )
    )


def _refusing_rule(rules: Sequence[Rule]) -> Composable:
    """The id of the first rule that refuses the uses in row `u`, else NULL; a contact without uses passes."""
    if not rules:
        return SQL("NULL::bigint")
    whens = [SQL("WHEN {} THEN {}::bigint").format(_refuses(rule), Literal(rule.id)) for rule in rules]
    return SQL("CASE {} END").format(SQL(" ").join(whens))


def _refuses(rule: Rule) -> Composable:
    """As `executions.caps.reservation` counts, in whole seconds."""
    return SQL("""
        (SELECT count(*) FROM unnest(u.ats, u.kinds) t (at, kind)
            WHERE t.at >= extract(epoch FROM clock_timestamp())::bigint - {window}
            AND t.kind <> ALL ({others}::integer[])) >= {max}
    """).format(window=Literal(rule.window), others=Literal(rule.others), max=Literal(rule.max))


def rules_of(execution: Execution) -> list[Rule]:
    """The caps that the execution's messages fall under; none where it is not limited."""
    if not execution.frequency_capping:
        return []
    kinds = list(FrequencyKind.objects.filter(workspace_id=execution.workspace_id))
    return [
        Rule(
            cap.pk,
            cap.max,
            cap.window_seconds,
            describe(maximum=cap.max, type=cap.type, tag=cap.tag, window_seconds=cap.window_seconds),
            [kind.pk for kind in kinds if not _matches(cap, kind.type, kind.tags)],
        )
        for cap in FrequencyCap.objects.filter(workspace_id=execution.workspace_id).order_by("pk")
        if _matches(cap, execution.type, execution.tags)
    ]


def _matches(cap: FrequencyCap, type: str, tags: Collection[str]) -> bool:
    tagged = not cap.tag or cap.tag.casefold() in {tag.casefold() for tag in tags}
    return tagged and cap.type in ("", type)


def _rows(query: Composable) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
