"""How fast a provider may be asked: token buckets in Valkey that all workers share; see `providers.buckets`.

Where Valkey does not answer, each process takes its own share of the rate: slower than it might be, never faster.
Only if it answers some processes and not others the two add up, to less than twice the rate.
"""

import math
import time
from asyncio import timeout
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from common.alarms import SET_ALARM
from executions.delivery.breaker import Available
from providers import buckets
from providers.buckets import QUANTUM_SECONDS, WHOLE, askers_key, bucket_key, slowed_key

TIMEOUT_SECONDS = 0.5
SILENT_SECONDS = 5.0
FRESH_SECONDS = 1.0
LOOK_SECONDS = 0.1
FIRST_QUEUE = "volley.transactional"
ALARMS = "volley:alarms"
_TAUGHT_NOTHING = "-"


class Taken(NamedTuple):
    """`wait`: seconds until it is worth asking for more."""

    granted: int
    wait: float


class _Bucket(NamedTuple):
    """`field` of what throttling answers taught; `rate` a second, 0 where none is configured."""

    name: str
    field: str
    rate: float


@dataclass(slots=True)
class _LocalBucket:
    tokens: float = 0.0
    at: float = 0.0

    def fill(self, rate: float) -> int:
        now = time.monotonic()
        most = max(1.0, rate * buckets.BURST_SECONDS)
        self.tokens = min(most, self.tokens + (now - self.at) * rate) if self.at else 0.0
        self.at = now
        return math.floor(self.tokens)


class Rates:
    """A worker process's way to the buckets; it belongs to one event loop."""

    _silent_until: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._take = self._redis.register_script(buckets.TAKE)
        self._take_each = self._redis.register_script(buckets.TAKE_EACH)
        self._slow = self._redis.register_script(buckets.SLOW)
        self._slowed = self._redis.register_script(buckets.SLOWED)
        self._set_alarm = self._redis.register_script(SET_ALARM)
        self._looked_at, self._urgent = -math.inf, False
        self._known: dict[int, tuple[float, dict[str, float]]] = {}
        self._local: dict[tuple[int, str], _LocalBucket] = {}

    async def take(self, provider: Available, want: int, *, domain: str | None = None) -> Taken:
        """Tokens of the provider, the execution and, where named, a recipient domain: as many as all three grant."""
        if want <= 0:
            return Taken(0, 0.0)
        asked = _buckets(provider, domain)
        if not any(bucket.rate for bucket in asked):
            slowed = await self.slowed(provider)
            if not any(bucket.field in slowed for bucket in asked):
                return Taken(want, 0.0)
        keys = [slowed_key(provider.id), askers_key(provider.id)]
        keys += [bucket_key(provider.id, bucket.name) for bucket in asked]
        rates = [word for bucket in asked for word in (bucket.rate, bucket.field)]
        answer = await self._ask(lambda: self._take(keys, [want, provider.execution_id, *rates]))
        if answer is None:
            return self._take_locally(provider, asked, want)
        return Taken(int(answer[0]), int(answer[1]) / 1000)

    async def take_of_domains(self, provider: Available, wanted: Mapping[str, int]) -> dict[str, Taken]:
        """Tokens of each recipient domain that has a rate, by domain; the others are not in the answer."""
        limited = [bucket for domain in wanted if (bucket := await self._limited(provider, domain))]
        if not limited:
            return {}
        keys = [slowed_key(provider.id), *(bucket_key(provider.id, bucket.name) for bucket in limited)]
        words = [word for bucket in limited for word in (wanted[bucket.field], bucket.rate, bucket.field)]
        answer = await self._ask(lambda: self._take_each(keys, words))
        if answer is None:
            return {bucket.field: self._take_locally(provider, [bucket], wanted[bucket.field]) for bucket in limited}
        return {
            bucket.field: Taken(int(granted), int(wait) / 1000)
            for bucket, granted, wait in zip(limited, answer[::2], answer[1::2], strict=True)
        }

    async def _limited(self, provider: Available, domain: str) -> _Bucket | None:
        bucket = _domain_bucket(provider, domain)
        return bucket if bucket.rate or domain in await self.slowed(provider) else None

    async def slowed(self, provider: Available) -> Mapping[str, float]:
        """What throttling answers have taught, a second old at most: `WHOLE` or a domain to messages a second."""
        read_at, known = self._known.get(provider.id, (-math.inf, {}))
        if time.monotonic() < read_at + FRESH_SECONDS:
            return known
        answer = await self._ask(lambda: self._slowed([slowed_key(provider.id)]))
        known = known if answer is None else buckets.pairs(answer)
        self._known[provider.id] = time.monotonic(), known
        return known

    async def slow(
        self, provider: Available, *, too_fast: float, domain: str | None = None, pause: float = 0.0
    ) -> float | None:
        """A throttling answer: halves the rate for all workers, and asks for nothing more for `pause` seconds.

        `too_fast` is the rate at which it was refused. Answers the new rate; None if it was halved a moment ago.
        """
        bucket = _buckets(provider, domain)[-1] if domain else _buckets(provider, None)[0]
        before = max(buckets.FLOOR_PER_SECOND, min(bucket.rate, too_fast) if bucket.rate else too_fast)
        words: list[str | float] = [
            bucket.field,
            before,
            bucket.rate or before,
            int(min(pause, buckets.LONGEST_PAUSE_SECONDS) * 1000),
        ]
        keys = [slowed_key(provider.id), bucket_key(provider.id, bucket.name)]
        answer = await self._ask(lambda: self._slow(keys, words))
        known = dict(self._known.get(provider.id, (0.0, {}))[1])
        known[bucket.field] = known.get(bucket.field, before) / 2 if answer is None else float(answer[1])
        self._known[provider.id] = time.monotonic(), known
        return known[bucket.field] if answer is None or answer[0] else None

    def domain_rate(self, provider: Available, domain: str) -> float | None:
        """A second, as far as this process knows."""
        known = self._known.get(provider.id, (0.0, {}))[1]
        limits = [rate for rate in (_domain_bucket(provider, domain).rate, known.get(domain)) if rate]
        return min(limits, default=None)

    async def set_alarm(self, execution_id: int, seconds: float) -> None:
        """The execution is looked at then; see `executions.delivery.resting`."""
        await self._ask(lambda: self._set_alarm([ALARMS], [math.ceil(seconds * 1000), execution_id]))

    async def urgent_waits(self) -> bool:
        """Whether a message of a transactional execution has found no process free; looked up now and then."""
        if time.monotonic() >= self._looked_at + LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._urgent = bool(await self._ask(lambda: self._redis.llen(FIRST_QUEUE)))
        return self._urgent

    async def _ask(self, script: Callable[[], Awaitable[Any]]) -> Any:
        """None where Valkey is silent; it is then left alone for some seconds."""
        if time.monotonic() < Rates._silent_until:
            return None
        try:
            async with timeout(TIMEOUT_SECONDS * 2):
                return await script()
        except (RedisError, OSError, TimeoutError):
            Rates._silent_until = time.monotonic() + SILENT_SECONDS
            return None

    def _take_locally(self, provider: Available, asked: Sequence[_Bucket], want: int) -> Taken:
        known = self._known.get(provider.id, (0.0, {}))[1]
        granted, wait, filled = want, 0.0, []
        for bucket in asked:
            limits = [rate for rate in (bucket.rate, known.get(bucket.field, 0.0)) if rate]
            if limits:
                rate = min(limits) / max(provider.processes, 1)
                local = self._local.setdefault((provider.id, bucket.name), _LocalBucket())
                granted = min(granted, local.fill(rate))
                wait = max(wait, QUANTUM_SECONDS, (1 - local.tokens) / rate)
                filled.append(local)
        for local in filled:
            local.tokens -= granted
        return Taken(granted, wait)

    async def close(self) -> None:
        await self._redis.aclose()


def _buckets(provider: Available, domain: str | None) -> list[_Bucket]:
    found = [_Bucket("provider", WHOLE, provider.rate or 0)]
    if provider.execution_rate:
        found.append(_Bucket(f"execution:{provider.execution_id}", _TAUGHT_NOTHING, provider.execution_rate))
    if domain:
        found.append(_domain_bucket(provider, domain))
    return found


def _domain_bucket(provider: Available, domain: str) -> _Bucket:
    rate = provider.domain_rates.get(domain, provider.domain_rates.get(WHOLE, 0))
    return _Bucket(f"domain:{domain}", domain, rate)
