import asyncio
import time

import pytest
from pytest_django import Settings

from executions.delivery.breaker import Available
from executions.delivery.rates import Rates, _LocalBucket
from executions.states import State
from providers.contract import ProviderSettings
from providers.models import Provider
from tests.executions.rows import make_execution
from tests.executions.work import counts, deliver
from tests.factories import make_contacts, number
from workspaces.models import Workspace


def provider(rate: int | None, *, processes: int = 1) -> Available:
    settings = ProviderSettings(type="email", kind="sandbox", name="relay", workspace_id=1)
    return Available(10**9 + number(), settings, rate, probing=False, processes=processes)


async def take(asked: Available, *wants: int) -> list[int]:
    way = Rates()
    try:
        return [(await way.take(asked, want))[0] for want in wants]
    finally:
        await way.close()


async def take_after_a_while(asked: Available, want: int) -> int:
    way = Rates()
    try:
        await way.take(asked, 1)
        await asyncio.sleep(0.05)
        return (await way.take(asked, want))[0]
    finally:
        await way.close()


def test_a_provider_without_a_rate_is_not_limited() -> None:
    assert asyncio.run(take(provider(None), 500, 0)) == [500, 0]


def test_a_bucket_starts_empty_and_fills_at_the_rate() -> None:
    assert asyncio.run(take(provider(1000), 500)) == [0]
    assert 40 <= asyncio.run(take_after_a_while(provider(1000), 1000)) <= 1000


def test_processes_share_one_bucket() -> None:
    shared = provider(1_000_000)
    asyncio.run(take_after_a_while(shared, 1))
    assert sum(asyncio.run(take(shared, 10_000_000))) <= 1_000_000


def test_where_redis_is_silent_each_process_takes_its_share(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(Rates, "_silent_until", 0.0)
    assert 0 < asyncio.run(take_after_a_while(provider(10_000, processes=4), 10_000)) <= 2500
    monkeypatch.setattr(Rates, "_silent_until", 0.0)


def test_a_bucket_holds_no_more_than_a_second_of_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bucket = _LocalBucket()
    assert bucket.take(10, 5) == (0, 0.1)
    now[0] += 60
    assert bucket.take(10, 50)[0] == 10


@pytest.mark.django_db(transaction=True)
def test_an_execution_takes_the_time_that_its_providers_rate_gives_it(workspace: Workspace) -> None:
    Provider.objects.filter(workspace=workspace).update(rate_per_second=20)
    make_contacts(workspace, 30)
    execution = deliver(make_execution(workspace))
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 30})
    assert execution.started_at and execution.finished_at
    assert (execution.finished_at - execution.started_at).total_seconds() > 1
