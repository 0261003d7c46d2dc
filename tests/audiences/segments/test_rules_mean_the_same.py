"""The compiled condition finds exactly those that a rule's meaning, said in Python, does."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Literal

from audiences.models import Contact, ListMembership
from audiences.segments.compiling import rule_sql
from audiences.segments.periods import Moment
from audiences.segments.reading import read_rule
from executions.delivery.partitions import ensure_partition
from executions.states import State
from tests.audiences.segments import rules
from tests.audiences.segments.oracle import Happened, Oracle, Person, Reach, Received
from tests.factories import make_address, make_app, make_campaign, make_execution, make_list, make_suppression
from workspaces.models import Workspace

PEOPLE = 80
LOCALES = ["", "pt", "pt-BR", "pt-PT", "de", "ptx"]
TIMEZONES = ["", "Europe/Berlin", "Asia/Tokyo", "UTC"]


class World:
    """People as rows and as the oracle sees them; each property test has one for all its examples."""

    def __init__(self, workspace: Workspace, now: datetime, seed: int) -> None:
        self.workspace, self.now = workspace, now
        self.random = random.Random(seed)
        self.list_ids = [make_list(workspace).pk for _ in range(2)]
        self.executions = [
            make_execution(make_campaign(workspace, tags=tags), state=State.FINISHED) for tags in (["Sale"], ["Brand"])
        ]
        self.campaign_ids = [execution.campaign_id for execution in self.executions]
        self.apps = [make_app(workspace, name) for name in ("shop", "site")]
        self.people = [self._person(number) for number in range(PEOPLE)]
        self._store()

    def _person(self, number: int) -> Person:
        pick = self.random
        return Person(
            attributes=self._bag(),
            locale=pick.choice(LOCALES),
            timezone=pick.choice(TIMEZONES),
            list_ids={one for one in self.list_ids if pick.random() < 0.4},
            events=[
                Happened(pick.choice(rules.EVENTS), self._past(), self._bag())
                for _ in range(pick.choice([0, 0, 1, 2, 4]))
            ],
            received=[
                Received(one.campaign_id, one.tags, self._past()) for one in self.executions if pick.random() < 0.4
            ],
        )

    def _bag(self) -> dict[str, Any]:
        pick = self.random
        pool: list[Any] = [
            *rules.TEXTS, *rules.NUMBERS, *rules.DATES, *rules.DATES, True, False, None, 1e300, {"plan": "pro"},
            [], ["pro"], ["pro", 7], ["7", 2.5, True], [["pro"]], ["it's", '"'],
        ]  # fmt: skip
        return {name: pick.choice(pool) for name in rules.NAMES if pick.random() < 0.6}

    def _past(self) -> datetime:
        return self.now - timedelta(minutes=self.random.choice([0, 1, 59, 60, 1440, 1441, 10_000, 43_200, 80_000]))

    def _store(self) -> None:
        for person in self.people:
            contact = Contact.objects.create(
                workspace=self.workspace,
                attributes=person.attributes,
                locale=person.locale,
                timezone=person.timezone,
            )
            person.id = contact.pk
            self._store_reach(person, contact)
            ListMembership.objects.bulk_create(
                ListMembership(list_id=one, contact=contact, workspace_id=self.workspace.pk) for one in person.list_ids
            )
            self._store_events(person)
        for execution in self.executions:
            ensure_partition(execution.launched_on)
            sent = [
                (person.id, one.sent_at)
                for person in self.people
                for one in person.received
                if one.campaign_id == execution.campaign_id
            ]
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,"
                    " outcome, attempts, sent_at, recorded_at) VALUES (%s, %s, %s, 1, %s, 1, 1, %s, now())",
                    [(execution.launched_on, execution.pk, pk, self.workspace.pk, at) for pk, at in sent],
                )
                # Somebody it failed for has not received it.
                cursor.executemany(
                    "INSERT INTO executions_delivery (launched_on, execution_id, contact_id, address_id, workspace_id,"
                    " outcome, attempts, recorded_at) VALUES (%s, %s, %s, 2, %s, 3, 1, now())",
                    [(execution.launched_on, execution.pk, one.id, self.workspace.pk) for one in self.people],
                )

    def _store_reach(self, person: Person, contact: Contact) -> None:
        pick = self.random
        for type, app in (("email", None), ("push", self.apps[0]), ("push", self.apps[1])):
            if pick.random() < 0.5:
                continue
            state = pick.choice(["active", "active", "active", "dead"])
            consent = pick.choice(["subscribed", "subscribed", "unsubscribed"])
            value = f"{type}-{contact.pk}-{app.app_id if app else ''}"
            suppressed = pick.random() < 0.2
            make_address(contact, type, app=app, value=value, state=state, consent=consent)
            if suppressed:
                make_suppression(self.workspace, value, type)
            fit = state == "active" and consent == "subscribed" and not suppressed
            person.reach.append(Reach(type, app.app_id if app else None, fit))

    def _store_events(self, person: Person) -> None:
        with connection.cursor() as cursor:
            for one in person.events:
                cursor.execute(
                    "INSERT INTO audiences_event (workspace_id, received_month, contact_id, source, name, at,"
                    " received_at, message_id, message_key, properties)"
                    " VALUES (%s, date_trunc('month', now() AT TIME ZONE 'UTC'), %s, 'server', %s, %s, now(), 'm',"
                    " gen_random_uuid(), %s)",
                    [self.workspace.pk, person.id, one.name, one.at, json.dumps(one.properties)],
                )

    def found(self, rule: dict[str, Any], moment: Moment) -> list[int]:
        reading = read_rule(rule)
        assert reading.errors == []
        condition = rule_sql(reading.rule, workspace_id=self.workspace.pk, moment=moment)
        with connection.cursor() as cursor:
            cursor.execute(
                SQL("SELECT c.id, {} FROM audiences_contact c WHERE c.workspace_id = {} ORDER BY c.id").format(
                    condition, Literal(self.workspace.pk)
                )
            )
            rows: Sequence[Any] = cursor.fetchall()
        assert all(fits is not None for _, fits in rows), "a condition is true or false, never NULL"
        return [pk for pk, fits in rows if fits]


@pytest.mark.parametrize("place", range(len(rules.MOMENTS)))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_rule_finds_whom_it_means(
    data: st.DataObject, workspace: Workspace, place: int, worlds: dict[int, World]
) -> None:
    now = rules.MOMENTS[place]
    world = worlds.get(place) or worlds.setdefault(place, World(workspace, now, seed=place))
    leaves = rules.conditions(now, list_ids=world.list_ids, campaign_ids=world.campaign_ids)
    rule = data.draw(rules.rules(leaves))
    zone = data.draw(st.sampled_from(rules.ZONES))
    oracle = Oracle(now, zone)
    assert world.found(rule, Moment(now, zone)) == [one.id for one in world.people if oracle.fits(one, rule)]


@pytest.fixture
def worlds(db: None) -> dict[int, World]:
    """Filled by the first example."""
    return {}


@pytest.mark.parametrize("place", range(len(rules.MOMENTS)))
def test_every_kind_of_comparison_finds_whom_it_means(workspace: Workspace, place: int) -> None:
    """Each operator on each value: without luck."""
    zone = rules.ZONES[place + 1]
    now = rules.MOMENTS[place]
    world, oracle = World(workspace, now, seed=place), Oracle(now, zone)
    seen = 0
    for comparison in _one_of_each():
        rule = {"type": "attribute", **comparison}
        expected = [one.id for one in world.people if oracle.fits(one, rule)]
        assert world.found(rule, Moment(now, zone)) == expected, rule
        seen += bool(expected)
    assert seen > len(_one_of_each()) / 4


def _one_of_each() -> list[dict[str, Any]]:
    given: dict[str, list[dict[str, Any]]] = {
        "text": [{"value": one} for one in rules.TEXTS],
        "date": [{"days": one} for one in (0, 1, 30, 365)],
    }
    wanted = [("text", operator, one) for operator in ("equals", "contains", "starts_with") for one in given["text"]]
    wanted += [
        ("date", operator, one)
        for operator in ("in_last", "in_next", "more_than_ago", "anniversary_in_next")
        for one in given["date"]
    ]
    wanted += [("date", "anniversary_today", {})]
    return [
        {"name": name, "value_type": value_type, "operator": operator, **operand}
        for name in rules.NAMES[1:2]
        for value_type, operator, operand in wanted
    ]
