"""How fast a provider may be asked: a token bucket in Redis that all workers share.

Where Redis does not answer, each process takes its own share of the rate: slower than it might be, never faster.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import ClassVar

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from executions.delivery.breaker import Available

TIMEOUT_SECONDS = 0.5
SILENT_SECONDS = 5.0
# Tokens that a bucket holds at most, in seconds of its rate. It starts empty, also after a flush.
BURST_SECONDS = 1.0

# KEYS: the bucket. ARGV: rate a second, tokens wanted, the most it holds. Answers {granted, ms until the next token}.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate, want, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(held[1] or 0), tonumber(held[2] or now)
tokens = math.min(most, tokens + math.max(0, now - at) * rate / 1000)
local granted = math.min(want, math.floor(tokens))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return {granted, math.ceil((1 - tokens) * 1000 / rate)}
"""


@dataclass(slots=True)
class _LocalBucket:
    tokens: float = 0.0
    at: float = 0.0

    def take(self, rate: float, want: int) -> tuple[int, float]:
        now = time.monotonic()
        most = max(1.0, rate * BURST_SECONDS)
        self.tokens = min(most, self.tokens + (now - self.at) * rate) if self.at else 0.0
        self.at = now
        granted = min(want, math.floor(self.tokens))
        self.tokens -= granted
        return granted, max(0.0, 1 - self.tokens) / rate


class Rates:
    """A worker process's way to the buckets; it belongs to one event loop."""

    _silent_until: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._local: dict[int, _LocalBucket] = {}

    async def take(self, provider: Available, want: int) -> tuple[int, float]:
        """(tokens, seconds until there is another)."""
        if provider.rate is None or want <= 0:
            return max(want, 0), 0.0
        if time.monotonic() >= Rates._silent_until:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS * 2):
                    most = max(1.0, provider.rate * BURST_SECONDS)
                    key = f"volley:rate:provider:{provider.id}"
                    answer = await self._redis.eval(_TAKE, 1, key, str(provider.rate), str(want), str(most))
                return int(answer[0]), max(int(answer[1]), 1) / 1000
            except (RedisError, OSError, TimeoutError):
                Rates._silent_until = time.monotonic() + SILENT_SECONDS
        bucket = self._local.setdefault(provider.id, _LocalBucket())
        return bucket.take(provider.rate / provider.processes, want)

    async def close(self) -> None:
        await self._redis.aclose()
