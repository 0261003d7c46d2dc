"""Frequency caps are exact: no interleaving of executions, devices and retries passes one."""

import asyncio
import threading
import time

import pytest
from psycopg import AsyncConnection, AsyncCursor

from executions.caps import reservation
from executions.delivery.batches import claim_batch
from executions.delivery.chunk import turn_chunk
from executions.delivery.planning import plan
from executions.delivery.runtime import close_runtime, connection_parameters, runtime
from executions.delivery.window import Window
from executions.models import Batch, Delivery, Execution, FrequencyCap, FrequencyUse
from executions.states import BatchState, State
from providers.models import Provider
from tests.executions.rows import ledger, list_of, make_execution
from tests.executions.work import counts, deliver, drain_all, make_due
from tests.factories import make_address, make_app, make_campaign, make_contact, make_contacts, make_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def make_cap(
    workspace: Workspace, most: int = 1, *, type: str = "", tag: str = "", seconds: int = 86_400
) -> FrequencyCap:
    return FrequencyCap.objects.create(workspace=workspace, type=type, tag=tag, max=most, window_seconds=seconds)


def uses(workspace: Workspace) -> list[int]:
    """How many uses each contact that has a row has."""
    return [len(use.ats) for use in FrequencyUse.objects.filter(workspace_id=workspace.pk).order_by("contact_id")]


def age(workspace: Workspace, seconds: int) -> None:
    """All uses become that much older."""
    for use in FrequencyUse.objects.filter(workspace_id=workspace.pk):
        FrequencyUse.objects.filter(workspace_id=workspace.pk, contact_id=use.contact_id).update(
            ats=[at - seconds for at in use.ats]
        )


def test_who_is_over_the_cap_is_skipped_and_the_rule_is_named(workspace: Workspace) -> None:
    make_cap(workspace, 1, type="email")
    make_contacts(workspace, 3)
    assert counts(deliver(make_execution(workspace))) == {"sent": 3}
    second = deliver(make_execution(workspace))
    assert (second.state, counts(second)) == (State.FINISHED, {"skipped": 3})
    rows = Delivery.objects.filter(execution_id=second.pk)
    assert {(row.reason, row.detail, row.attempts) for row in rows} == {("frequency_cap", "1 email in 24 h", 0)}


def test_without_capping_nobody_is_limited_and_it_still_counts(workspace: Workspace) -> None:
    make_cap(workspace)
    make_contact(workspace)
    for _ in range(2):
        assert counts(deliver(make_execution(workspace, frequency_capping=False))) == {"sent": 1}
    assert counts(deliver(make_execution(workspace))) == {"skipped": 1}


def test_without_a_cap_nothing_is_counted(workspace: Workspace) -> None:
    make_contact(workspace)
    deliver(make_execution(workspace))
    assert uses(workspace) == []


def test_the_window_slides(workspace: Workspace) -> None:
    make_cap(workspace, seconds=3600)
    make_contact(workspace)
    deliver(make_execution(workspace))
    age(workspace, 3000)
    assert counts(deliver(make_execution(workspace))) == {"skipped": 1}
    age(workspace, 700)
    assert counts(deliver(make_execution(workspace))) == {"sent": 1}


def test_the_strictest_rule_wins(workspace: Workspace) -> None:
    make_cap(workspace, 5, seconds=86_400)
    make_cap(workspace, 2, type="email", seconds=3600)
    make_contact(workspace)
    results = [counts(deliver(make_execution(workspace))) for _ in range(3)]
    assert results == [{"sent": 1}, {"sent": 1}, {"skipped": 1}]


def test_a_rule_counts_only_what_it_is_about(workspace: Workspace) -> None:
    make_cap(workspace, 1, type="push")
    make_cap(workspace, 1, tag="SALE")
    make_contact(workspace)
    assert counts(deliver(make_execution(workspace))) == {"sent": 1}
    assert counts(deliver(make_execution(workspace, tags=["Sale", "Brand"]))) == {"sent": 1}
    assert counts(deliver(make_execution(workspace, tags=["Sale"]))) == {"skipped": 1}
    assert counts(deliver(make_execution(workspace, tags=["Brand"]))) == {"sent": 1}


def test_one_use_however_many_devices(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    apps = [make_app(workspace), make_app(workspace)]
    person = make_contact(workspace, app=apps[0])
    make_address(person, "push", app=apps[1], value="second")
    campaign = make_campaign(workspace, "push", apps=apps)
    execution = deliver(make_execution(workspace, type="push", campaign=campaign, personalization={"offer": "x"}))
    assert counts(execution) == {"sent": 2}
    assert uses(workspace) == [1]


def test_a_use_is_given_back_when_the_message_fails(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@bad.test": "failed"}})
    make_contact(workspace, email="a@bad.test")
    assert counts(deliver(make_execution(workspace))) == {"failed": 1}
    assert uses(workspace) == [0]


def test_a_use_is_kept_when_a_sibling_was_sent(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@bad.test": "failed"}})
    person = make_contact(workspace, email="a@bad.test")
    make_address(person, value="b@good.test")
    assert counts(deliver(make_execution(workspace))) == {"sent": 1, "failed": 1}
    assert uses(workspace) == [1]


def test_a_use_in_doubt_is_kept(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@silent.test": "unknown"}})
    make_contact(workspace, email="a@silent.test")
    deliver(make_execution(workspace))
    assert uses(workspace) == [1]


def test_a_use_in_doubt_is_kept_while_it_waits_to_be_sent_again(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@silent.test": "unknown"}})
    make_contact(workspace, email="a@silent.test")
    first = deliver(make_execution(workspace, on_unknown="resend"))
    assert uses(workspace) == [1]
    assert counts(deliver(make_execution(workspace))) == {"skipped": 1}
    Provider.objects.filter(workspace=workspace).update(config={})
    make_due(first)
    assert counts(drain_all(first)) == {"sent": 1}
    assert uses(workspace) == [1]


def test_a_use_in_doubt_is_kept_when_the_next_attempt_is_handed_back_or_fails(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@silent.test": "unknown"}})
    make_contact(workspace, email="a@silent.test")
    execution = deliver(make_execution(workspace, on_unknown="resend"))
    make_due(execution)
    here = runtime()

    async def hand_back() -> None:
        database = await here.connection()
        claim = await claim_batch(database, execution.pk, journal="")
        assert claim is not None
        window = Window.of(claim)
        await turn_chunk(database, here.prepared(execution.pk), window, want=1)
        assert window.waiting
        await turn_chunk(database, here.prepared(execution.pk), window, leave=True)

    here.run(hand_back())
    assert uses(workspace) == [1]
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@silent.test": "failed"}})
    assert counts(drain_all(execution)) == {"failed": 1}
    assert uses(workspace) == [1]


def test_a_delayed_retry_reserves_again(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@busy.test": "retry"}})
    make_contact(workspace, email="a@busy.test")
    first = deliver(make_execution(workspace))
    assert uses(workspace) == [0]
    Provider.objects.filter(workspace=workspace).update(config={})
    assert counts(deliver(make_execution(workspace))) == {"sent": 1}
    make_due(first)
    drain_all(first)
    assert counts(first) == {"skipped": 1} and first.state == State.FINISHED


def test_a_deferred_recipient_waits_for_the_earliest_slot(workspace: Workspace) -> None:
    make_cap(workspace, 1, seconds=3600)
    make_contact(workspace)
    begun = time.time()
    deliver(make_execution(workspace))
    age(workspace, 600)
    execution = deliver(make_execution(workspace, on_cap="defer"))
    parked = Batch.objects.get(execution=execution, state=BatchState.OPEN)
    assert parked.reason == "frequency_cap" and parked.attempt == 0
    assert begun + 2990 < parked.not_before.timestamp() < time.time() + 3130
    age(workspace, 3001)
    make_due(execution)
    assert counts(drain_all(execution)) == {"sent": 1}


def test_uses_older_than_any_window_are_dropped(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    make_contact(workspace)
    deliver(make_execution(workspace))
    age(workspace, 31 * 86_400)
    deliver(make_execution(workspace))
    assert uses(workspace) == [1]


def test_what_is_skipped_for_another_reason_uses_nothing(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    make_contact(workspace, attributes={})
    assert counts(deliver(make_execution(workspace))) == {"skipped": 1}
    assert uses(workspace) == []


def test_who_is_handed_back_reserves_anew(workspace: Workspace) -> None:
    """A use as old as the provider's trouble would let another message through too soon after this one."""
    make_cap(workspace, 1, seconds=3600)
    make_contacts(workspace, 2)
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@example.test": "unavailable"}})
    waiting = deliver(make_execution(workspace))
    assert uses(workspace) == [0, 0]
    age(workspace, 3000)
    Provider.objects.filter(workspace=workspace).update(config={}, unavailable_until=None, failures=0)
    drain_all(waiting)
    assert counts(waiting) == {"sent": 2}
    age(workspace, 3000)
    assert counts(deliver(make_execution(workspace))) == {"skipped": 2}


def test_who_is_handed_back_after_a_sibling_was_sent_keeps_the_use(workspace: Workspace) -> None:
    make_cap(workspace, 1)
    person = make_contact(workspace, email="a@good.test")
    make_address(person, value="b@down.test")
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"@down.test": "unavailable"}})
    execution = deliver(make_execution(workspace))
    assert counts(execution) == {"sent": 1} and uses(workspace) == [1]
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLING)
    drain_all(execution)
    assert counts(execution) == {"sent": 1, "skipped": 1} and uses(workspace) == [1]


def test_giving_back_and_reserving_lock_in_one_order(workspace: Workspace) -> None:
    """The first contact has no row yet, so that it can't be locked before it is made."""
    make_cap(workspace, 5)
    fresh, known = (person.pk for person in make_contacts(workspace, 2))
    FrequencyUse.objects.create(workspace_id=workspace.pk, contact_id=known, ats=[], executions=[], kinds=[])

    async def race() -> list[set[int]]:
        parameters = connection_parameters()
        one = await AsyncConnection.connect(**parameters)
        other = await AsyncConnection.connect(**parameters)
        async with one, other, one.cursor() as first, other.cursor() as second:
            caps = [await _caps(cursor, workspace, execution) for execution, cursor in ((1, first), (2, second))]
            await reservation.make_and_lock_uses(first, caps[0], {fresh, known})
            waiting = asyncio.ensure_future(reservation.reserve(second, caps[1], {fresh, known}))
            await _blocked(first, other.info.backend_pid)
            granted = await reservation.reserve(first, caps[0], {fresh})
            await one.commit()
            return [granted, await waiting]

    assert runtime().run(race()) == [{fresh}, {fresh, known}]


async def _caps(cursor: AsyncCursor, workspace: Workspace, execution_id: int) -> reservation.Caps:
    caps = await reservation.load_caps(
        cursor, workspace_id=workspace.pk, execution_id=execution_id, type="email", tags=[], limited=True
    )
    assert caps is not None
    await cursor.connection.commit()
    return caps


async def _blocked(cursor: AsyncCursor, pid: int) -> None:
    while True:
        await cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid])
        if (await cursor.fetchone() or (0,))[0]:
            return


def test_executions_that_race_for_one_slot_never_both_get_it() -> None:
    workspace = make_workspace()
    make_cap(workspace, 2)
    people = make_contacts(workspace, 60)
    audience = list_of(workspace, *people)
    executions = [make_execution(workspace, audience=audience) for _ in range(4)]
    for execution in executions:
        plan(execution.pk)

    def run(execution: Execution) -> None:
        from django.db import connection

        drain_all(execution)
        close_runtime()
        connection.close()

    threads = [threading.Thread(target=run, args=(execution,)) for execution in executions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent: dict[int, int] = {}
    for execution in executions:
        execution.refresh_from_db()
        assert execution.state == State.FINISHED
        for contact, _address, outcome, _reason in ledger(execution):
            sent[contact] = sent.get(contact, 0) + (outcome == "sent")
    assert sent == {person.pk: 2 for person in people}
    assert uses(workspace) == [2] * 60
