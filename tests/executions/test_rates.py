"""Token buckets, shared and local: what they grant, and that no number of workers gets more."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from executions.delivery.breaker import Available
from executions.delivery.rates import Rates, Taken, _LocalBucket
from providers.buckets import FLOOR_PER_SECOND, RECOVERY_SECONDS, WHOLE, bucket_key, in_words, read_slowed, slowed_key
from providers.contract import ProviderSettings
from tests.factories import number
from tests.workers import ROOT


def provider(rate: int | None = None, **fields: Any) -> Available:
    settings = ProviderSettings(type="email", kind="sandbox", name="relay", workspace_id=1)
    return Available(10**9 + os.getpid() * 1000 + number(), settings, rate, probing=False, **fields)


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    yield client
    client.close()


class Since:
    """Buckets fill by the clock: what a test may find in them depends on how long it has been at work."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def at(self, rate: float) -> float:
        """Tokens that have come since at most; Valkey counts whole milliseconds."""
        return (time.monotonic() - self._began + 0.001) * rate


def fill(valkey: redis.Redis, asked: Available, name: str = "provider") -> None:
    """As if nobody had asked for a long time."""
    valkey.hset(bucket_key(asked.id, name), mapping={"tokens": 0, "at": 0})


def ask(asked: Available, *wants: int, domain: str | None = None) -> list[Taken]:
    async def all_of_them() -> list[Taken]:
        way = Rates()
        try:
            return [await way.take(asked, want, domain=domain) for want in wants]
        finally:
            await way.close()

    return asyncio.run(all_of_them())


def granted(asked: Available, *wants: int, domain: str | None = None) -> list[int]:
    return [taken.granted for taken in ask(asked, *wants, domain=domain)]


def slow(asked: Available, too_fast: float, domain: str | None = None, *, pause: float = 0.0) -> float | None:
    async def once() -> float | None:
        way = Rates()
        try:
            return await way.slow(asked, too_fast=too_fast, domain=domain, pause=pause)
        finally:
            await way.close()

    return asyncio.run(once())


def growth(before: float) -> float:
    """By how much a second a rate grows again that was halved."""
    return before / 2 / RECOVERY_SECONDS


def long_ago(valkey: redis.Redis, asked: Available, seconds: float, field: str = WHOLE) -> None:
    """As if what is known of the field had been learned so many seconds earlier."""
    rate, step, ceiling, since = valkey.hget(slowed_key(asked.id), field).decode().split()  # type: ignore[union-attr]
    valkey.hset(slowed_key(asked.id), field, f"{rate} {step} {ceiling} {float(since) - seconds * 1000:.0f}")


def test_who_has_no_rate_is_not_limited() -> None:
    assert granted(provider(), 500, 0) == [500, 0]


def test_a_bucket_starts_empty_and_says_when_to_come_back() -> None:
    [taken] = ask(provider(1000), 500)
    assert taken == (0, 0.5)


def test_a_bucket_holds_no_more_than_a_second_of_its_rate(valkey: redis.Redis) -> None:
    asked = provider(1000)
    fill(valkey, asked)
    since = Since()
    first, second = granted(asked, 600, 600)
    assert first == 600 and 400 <= second <= 400 + since.at(1000)


def test_a_rate_below_one_a_second_still_grants_one(valkey: redis.Redis) -> None:
    asked = provider(execution_id=7, execution_rate=1 / 60)
    fill(valkey, asked, "execution:7")
    taken = ask(asked, 5, 5)
    assert [one.granted for one in taken] == [1, 0]
    assert taken[1].wait == 60


def test_the_least_of_provider_execution_and_domain_is_granted_and_no_more_is_taken(valkey: redis.Redis) -> None:
    asked = provider(1000, execution_id=7, execution_rate=100.0, domain_rates={"slow.test": 10})
    for name in ("provider", "execution:7", "domain:slow.test"):
        fill(valkey, asked, name)
    since = Since()
    assert granted(asked, 500, domain="slow.test") == [10]
    assert 90 <= granted(asked, 500)[0] <= 90 + since.at(100)
    assert 900 <= granted(asked._replace(execution_rate=None), 1000)[0] <= 900 + since.at(1000)


def test_executions_of_one_provider_share_it(valkey: redis.Redis) -> None:
    one = provider(1000, execution_id=1)
    two = one._replace(execution_id=2)
    granted(one, 1)
    fill(valkey, one)
    since = Since()
    assert granted(two, 1000) == [500]
    assert 250 <= granted(one, 1000)[0] <= max(250, since.at(1000) + 1)


def test_a_share_that_nobody_wants_is_given_to_who_asks(valkey: redis.Redis) -> None:
    one = provider(1000, execution_id=1)
    granted(one._replace(execution_id=2), 1)
    fill(valkey, one)
    assert sum(granted(one, 1000, 1000, 1000)) > 900


def test_fifty_executions_of_a_slow_provider_each_come_back_when_it_may_be_their_turn() -> None:
    one, since = provider(10), Since()
    taken = [ask(one._replace(execution_id=execution_id), 10)[0] for execution_id in range(50)]
    assert sum(each.granted for each in taken) <= since.at(10)
    assert taken[-1].wait == 5.0


def _taker(asked: Available, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.executions.rate_taker", str(asked.id), str(asked.rate), str(seconds)]
    environment = {**os.environ, "REDIS_URL": django_settings.REDIS_URL, "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _grants(takers: Sequence[subprocess.Popen[str]]) -> list[tuple[float, float, int]]:
    """All at once: what each was granted, and the times before and after, by which it is sorted."""
    for taker in takers:
        assert taker.stdout is not None and taker.stdout.readline() == "ready\n"
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    lines = [line for taker in takers for line in taker.communicate(timeout=60)[0].splitlines()]
    assert not any(taker.returncode for taker in takers)
    found = [(float(before), float(after), int(tokens)) for before, after, tokens in map(str.split, lines)]
    return sorted(found, key=lambda grant: grant[1])


def test_all_processes_together_never_get_more_than_the_rate_and_one_burst() -> None:
    """In any window: the rate times its length, and a second's burst."""
    asked = provider(200)
    grants = _grants([_taker(asked, 2.5) for _ in range(3)])
    assert len(grants) > 3
    for begins, _, _ in grants:
        total = 0
        for before, after, tokens in grants:
            if before >= begins:
                total += tokens
                assert total <= 200 * (after - begins + 0.001) + 200


def test_a_flush_empties_the_buckets(valkey: redis.Redis) -> None:
    asked = provider(1000)
    fill(valkey, asked)
    assert granted(asked, 10) == [10]
    valkey.delete(bucket_key(asked.id, "provider"))
    assert granted(asked, 10) == [0]


def test_a_throttling_answer_halves_the_rate_for_everybody(valkey: redis.Redis) -> None:
    asked, since = provider(1000), Since()
    assert slow(asked, 400) == pytest.approx(200)
    fill(valkey, asked)
    assert 200 <= granted(asked, 1000)[0] <= 200 + since.at(growth(400))


def test_answers_to_what_was_under_way_do_not_halve_it_again(valkey: redis.Redis) -> None:
    asked, since = provider(1000), Since()
    slow(asked, 1000)
    long_ago(valkey, asked, -60)  # however long this takes, it is a moment
    assert slow(asked, 1000) is None
    long_ago(valkey, asked, 63)
    again = slow(asked, 1000)
    assert again is not None and 250 <= again <= 250 + (3 + since.at(1)) * growth(1000) / 2


def test_it_grows_slowly_back_to_the_rate_that_is_configured(valkey: redis.Redis) -> None:
    asked = provider(100)
    since = Since()
    slow(asked, 100)
    long_ago(valkey, asked, 30)
    assert 75 <= read_slowed(asked.id)[WHOLE] <= 75 + since.at(growth(100))
    long_ago(valkey, asked, 40)
    assert read_slowed(asked.id) == {}


def test_it_never_falls_below_the_floor(valkey: redis.Redis) -> None:
    asked = provider()
    for _ in range(5):
        slow(asked, 1.0)
        long_ago(valkey, asked, 2.1)
    assert read_slowed(asked.id)[WHOLE] == pytest.approx(FLOOR_PER_SECOND, abs=0.05)


def test_a_provider_without_a_rate_gets_one_by_being_throttled(valkey: redis.Redis) -> None:
    asked, since = provider(), Since()
    slow(asked, 80)
    fill(valkey, asked)
    assert 40 <= granted(asked, 500)[0] <= 40 + since.at(growth(80))


def test_retry_after_is_waited_for(valkey: redis.Redis) -> None:
    asked = provider(1000)
    fill(valkey, asked)
    since = Since()
    slow(asked, 1000, pause=20)
    [taken] = ask(asked, 10)
    assert taken.granted == 0 and 20 - since.at(1) <= taken.wait <= 21


def test_a_domain_that_throttles_slows_down_nobody_else(valkey: redis.Redis) -> None:
    asked = provider()
    since = Since()
    slow(asked, 100, "slow.test")
    fill(valkey, asked, "domain:slow.test")
    assert 50 <= granted(asked, 500, domain="slow.test")[0] <= 50 + since.at(growth(100))
    assert granted(asked, 500, domain="fast.test") == [500]
    assert granted(asked, 500) == [500]


def test_each_domain_grants_for_itself_and_those_without_a_rate_are_not_asked(valkey: redis.Redis) -> None:
    asked = provider(domain_rates={"one.test": 10, "two.test": 100})
    fill(valkey, asked, "domain:one.test")
    fill(valkey, asked, "domain:two.test")

    async def take() -> dict[str, Taken]:
        way = Rates()
        try:
            return await way.take_of_domains(asked, {"one.test": 30, "two.test": 30, "three.test": 30})
        finally:
            await way.close()

    assert asyncio.run(take()) == {"one.test": (10, 2.0), "two.test": (30, 0.5)}


def test_a_rate_for_all_other_domains(valkey: redis.Redis) -> None:
    asked = provider(domain_rates={"one.test": 10, "*": 3})
    fill(valkey, asked, "domain:other.test")
    assert granted(asked, 30, domain="other.test") == [3]


@pytest.fixture
def silent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Nothing answers where Valkey should be; the process's clock stands still."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    now = [time.monotonic()]
    monkeypatch.setattr("executions.delivery.rates.time.monotonic", lambda: now[0])
    yield now
    Rates._silent_until = 0.0


def test_where_valkey_is_silent_each_process_takes_its_share_at_most(silent: list[float]) -> None:
    asked = provider(1000, processes=4, domain_rates={"slow.test": 40})
    way = Rates()

    async def take(want: int, domain: str | None = None) -> int:
        return (await way.take(asked, want, domain=domain)).granted

    async def all_of_them() -> list[int]:
        found = [await take(100), await take(100, "slow.test")]
        silent[0] += 60
        found += [await take(100, "slow.test"), await take(1000), await take(1)]
        await way.close()
        return found

    assert asyncio.run(all_of_them()) == [0, 0, 10, 240, 0]


def test_where_valkey_is_silent_what_a_process_knows_still_holds(silent: list[float]) -> None:
    asked = provider(processes=2)
    way = Rates()

    async def learn() -> list[float | None]:
        found: list[float | None] = [await way.slow(asked, too_fast=100)]
        await way.take(asked, 100)
        silent[0] += 60
        found.append((await way.take(asked, 100)).granted)
        await way.close()
        return found

    assert asyncio.run(learn()) == [50, 25]


def test_a_local_bucket_holds_no_more_than_a_second_of_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bucket = _LocalBucket()
    assert bucket.fill(10) == 0
    now[0] += 60
    assert bucket.fill(10) == 10


def test_the_slowness_of_a_provider_in_words() -> None:
    assert in_words({}) == ""
    assert in_words({"b.test": 0.5, WHOLE: 12.34, "a.test": 3}) == "to 12.3/s, a.test to 3/s, b.test to 0.5/s"
