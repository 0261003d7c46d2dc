import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now
from psycopg.sql import SQL

from audiences.models import Address
from audiences.sources import UnknownSource
from executions.delivery import planning, steps
from executions.delivery.finishing import finish_if_complete
from executions.delivery.partitions import ensure_partition
from executions.delivery.planning import Planned, plan
from executions.models import Batch, Execution
from executions.states import State
from tests.executions.rows import ledger, list_of, make_execution
from tests.factories import make_address, make_contact, make_contacts, make_workspace
from tests.planner import on_new_pages
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def _long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns and leases end where a test ends them, and not because the machine is busy."""
    monkeypatch.setattr(planning, "TURN_SECONDS", 600.0)
    monkeypatch.setattr(planning, "PLAN_LEASE_SECONDS", 600)
    monkeypatch.setattr(steps, "PLAN_LEASE_SECONDS", 600)


def planned(execution: Execution) -> list[tuple[list[int], list[int]]]:
    """The batches as (contacts, addresses)."""
    batches = Batch.objects.filter(execution=execution).select_related("recipients").order_by("id")
    return [(batch.recipients.contact_ids, batch.recipients.address_ids) for batch in batches]


def test_everyone_is_in_a_batch_or_in_the_ledger(workspace: Workspace) -> None:
    people = make_contacts(workspace, 5)
    make_address(people[0], value="second@example.test")
    nowhere = make_contact(workspace, email=None)
    execution = make_execution(workspace)
    assert plan(execution.pk) is Planned.DONE
    execution.refresh_from_db()
    assert (execution.state, execution.size, execution.planned_skips) == (State.RUNNING, 7, {"unreachable": 1})
    [(contacts, addresses)] = planned(execution)
    assert contacts == sorted([people[0].pk, *(person.pk for person in people)])
    assert sorted(addresses) == sorted(Address.objects.values_list("pk", flat=True))
    assert ledger(execution) == [(nowhere.pk, 0, "skipped", "unreachable")]


def test_pages_and_batches_are_of_bounded_size(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 4)
    monkeypatch.setattr(planning, "BATCH_SIZE", 3)
    people = make_contacts(workspace, 9)
    execution = make_execution(workspace)
    assert plan(execution.pk) is Planned.DONE
    assert [contacts for contacts, _ in planned(execution)] == [
        [person.pk for person in people[start:end]] for start, end in ((0, 3), (3, 4), (4, 7), (7, 8), (8, 9))
    ]


def test_a_turn_that_is_over_is_continued_where_it_was(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 2)
    monkeypatch.setattr(planning, "TURN_SECONDS", 0)
    people = make_contacts(workspace, 5)
    execution = make_execution(workspace)
    assert [plan(execution.pk) for _ in range(4)] == [Planned.MORE, Planned.MORE, Planned.DONE, Planned.NOT_OURS]
    assert [contact for contacts, _ in planned(execution) for contact in contacts] == [person.pk for person in people]


def test_a_planner_that_lives_is_left_alone_and_a_dead_one_is_followed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 1)
    make_contacts(workspace, 2)
    execution = make_execution(workspace)
    held = planning._acquire(execution.pk)
    assert held is not None and planning._plan_page(held)
    assert plan(execution.pk) is Planned.NOT_OURS
    Execution.objects.filter(pk=execution.pk).update(plan_lease_until="2020-01-01T00:00:00Z")
    assert plan(execution.pk) is Planned.DONE
    assert planning._plan_page(held) is None
    execution.refresh_from_db()
    assert execution.size == 2 == sum(len(contacts) for contacts, _ in planned(execution))


def test_who_comes_after_planning_began_is_not_in_it(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = make_execution(workspace)
    held = planning._acquire(execution.pk)
    assert held is not None
    make_contact(workspace)
    planning._let_go(held)
    plan(execution.pk)
    execution.refresh_from_db()
    assert execution.size == 1


@pytest.mark.parametrize("state", [State.PAUSED, State.SCHEDULED, State.RUNNING, State.REJECTED])
def test_only_an_execution_in_planning_is_planned(workspace: Workspace, state: State) -> None:
    make_contact(workspace)
    execution = make_execution(workspace, state=state)
    assert plan(execution.pk) is Planned.NOT_OURS
    assert planned(execution) == []


def test_a_planner_stops_when_the_execution_is_paused(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = make_execution(workspace)
    held = planning._acquire(execution.pk)
    assert held is not None
    Execution.objects.filter(pk=execution.pk).update(state=State.PAUSED)
    assert planning._plan_page(held) is None
    assert not planning._complete(held)
    execution.refresh_from_db()
    assert execution.state == State.PAUSED and execution.size is None


def test_a_cancelled_execution_is_planned_and_stays_cancelled(workspace: Workspace) -> None:
    make_contacts(workspace, 2)
    execution = make_execution(workspace, state=State.CANCELLING)
    assert plan(execution.pk) is Planned.DONE
    execution.refresh_from_db()
    assert (execution.state, execution.size) == (State.CANCELLING, 2)


def test_an_empty_audience_finishes_with_size_zero(workspace: Workspace) -> None:
    execution = make_execution(workspace, audience=list_of(workspace))
    assert plan(execution.pk) is Planned.DONE
    assert finish_if_complete(execution.pk)
    execution.refresh_from_db()
    assert (execution.state, execution.size) == (State.FINISHED, 0)


def test_an_execution_with_an_open_batch_does_not_finish(workspace: Workspace) -> None:
    make_contact(workspace)
    execution = make_execution(workspace)
    plan(execution.pk)
    assert not finish_if_complete(execution.pk)


@pytest.mark.django_db(transaction=True)
def test_planners_that_race_plan_everyone_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 2)
    workspace = make_workspace()
    make_contacts(workspace, 10)
    execution = make_execution(workspace)
    results: list[Planned] = []

    def run() -> None:
        results.append(plan(execution.pk))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    execution.refresh_from_db()
    assert results.count(Planned.DONE) == 1
    assert execution.size == 10 == len({contact for contacts, _ in planned(execution) for contact in contacts})


def test_a_few_people_far_apart_cost_no_look_at_those_between(workspace: Workspace) -> None:
    on_new_pages("audiences_contact")
    people = make_contacts(workspace, 3000)
    execution = make_execution(workspace, audience=list_of(workspace, people[0], people[-1]))
    held = planning._acquire(execution.pk)
    assert held is not None
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audiences_address, audiences_contact, audiences_listmembership")
        ensure_partition(held.launched_on)
        page = planning._next_page(held)
        cursor.execute(SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + planning._page_sql(held, page))
        [[explained]] = cursor.fetchall()
    assert 0 < _rows_read(explained, "audiences_address") <= 4


def _rows_read(node: Any, table: str) -> int:
    """By all the scans of a table in an explained plan."""
    if isinstance(node, list):
        return sum(_rows_read(one, table) for one in node)
    if not isinstance(node, dict):
        return 0
    here = node["Actual Rows"] * node["Actual Loops"] if node.get("Relation Name") == table else 0
    return int(here) + sum(_rows_read(inner, table) for inner in node.values())


def test_a_plan_that_fails_says_why_and_waits_longer_each_time(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_contact(workspace)
    execution = make_execution(workspace, audience={"type": "horoscope"})
    with monkeypatch.context() as patch:
        patch.setattr(planning, "LEAST_PAUSE_SECONDS", 600)
        with pytest.raises(UnknownSource):
            plan(execution.pk)
    execution.refresh_from_db()
    reason = execution.state_reason
    assert reason and reason["code"] == "planning_failed" and "horoscope" in reason["message"]
    assert plan(execution.pk) is Planned.NOT_OURS
    since = now() - timedelta(minutes=1)
    long_ago = {**reason, "since": since.isoformat()}
    Execution.objects.update(plan_lease_until="2020-01-01T00:00:00Z", state_reason=long_ago)
    with pytest.raises(UnknownSource):
        plan(execution.pk)
    execution.refresh_from_db()
    assert execution.plan_lease_until and execution.plan_lease_until >= since + timedelta(minutes=2)
    Execution.objects.update(plan_lease_until="2020-01-01T00:00:00Z", audience={"type": "all"})
    assert plan(execution.pk) is Planned.DONE
    execution.refresh_from_db()
    assert (execution.state, execution.state_reason) == (State.RUNNING, None)
