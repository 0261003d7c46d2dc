"""Two planners and one long step: the second leaves it alone, however long it takes, unless the first is dead."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from executions.delivery import planning, shared_addresses
from executions.delivery.planning import Planned, plan
from executions.models import Batch, Execution
from executions.states import State
from tests.executions.rows import make_execution
from tests.factories import make_contacts, make_segment, make_workspace
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def to_all() -> Execution:
    """Planned in pages of one contact: addresses are frozen before the first."""
    workspace = make_workspace()
    make_contacts(workspace, 3)
    return make_execution(workspace)


def to_a_segment() -> Execution:
    workspace = make_workspace()
    make_contacts(workspace, 3, attributes={"first_name": "Ana"})
    made = make_segment(workspace)
    return make_execution(workspace, audience={"type": "segment", "id": made.pk, "rule": made.rule, "exclude": []})


@pytest.fixture(
    params=[("executions_sharedaddress", to_all), ("executions_frozensegment", to_a_segment)],
    ids=["addresses", "segments"],
)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Execution]:
    """The table that the long step writes into."""
    monkeypatch.setattr(planning, "PAGE_CONTACTS", 1)
    monkeypatch.setattr(planning, "TURN_SECONDS", PATIENCE)  # the long step is none of its turn
    monkeypatch.setattr(shared_addresses, "PROBE_COST", 10_000)
    table, make = request.param
    return table, make()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@contextmanager
def nobody_writes(table: str) -> Iterator[None]:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
    finally:
        other.close()


def planner(execution: Execution, sockets: list[int]) -> Callable[[], Planned]:
    """Notes the socket of its connection."""

    def run() -> Planned:
        connection.ensure_connection()
        sockets.append(connection.connection.pgconn.socket)
        try:
            return plan(execution.pk)
        finally:
            connection.close()

    return run


def in_the_long_step(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = current_database() AND NOT l.granted AND l.relation = %s::regclass)",
            [table],
        )
        return bool(cursor.fetchone()[0])


def end_lease(execution: Execution) -> None:
    Execution.objects.filter(pk=execution.pk).update(plan_lease_until="2020-01-01T00:00:00Z")


def size(execution: Execution) -> int:
    return sum(Batch.objects.filter(execution=execution).values_list("size", flat=True))


def test_a_second_planner_leaves_a_step_alone_that_outlasts_the_lease(
    case: tuple[str, Execution], pool: ThreadPoolExecutor
) -> None:
    table, execution = case
    with nobody_writes(table):
        first = pool.submit(planner(execution, []))
        wait_until(lambda: in_the_long_step(table), "the first planner is in its long step")
        end_lease(execution)
        assert pool.submit(planner(execution, [])).result(PATIENCE) is Planned.NOT_OURS
        Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    assert first.result(PATIENCE) is Planned.DONE
    assert size(execution) == 3


def test_a_planner_that_dies_in_a_step_is_followed_before_the_step_has_ended(
    case: tuple[str, Execution], pool: ThreadPoolExecutor
) -> None:
    table, execution = case
    sockets: list[int] = []
    with nobody_writes(table):
        first = pool.submit(planner(execution, sockets))
        wait_until(lambda: in_the_long_step(table), "the first planner is in its long step")
        end_lease(execution)
        with socket.socket(fileno=os.dup(sockets[0])) as its_own:
            its_own.shutdown(socket.SHUT_RDWR)
        assert first.exception(PATIENCE) is not None
        held = wait_until(lambda: planning._acquire(execution.pk), "its successor may begin")
        assert held is not None
        planning._let_go(held)
    assert plan(execution.pk) is Planned.DONE
    assert size(execution) == 3
