"""Token buckets of providers in Valkey, shared by all workers, and what throttling answers have taught (AIMD).

All keys of a provider carry its hash tag, so that a cluster keeps them on one node. A provider's hash `slowed` maps
`WHOLE` or a recipient domain to "rate step ceiling since": the rate at the time `since` (ms), how much it grows each
second, and where it is forgotten. It is a hint: once lost, it is learned again.
"""

import time
from collections.abc import Mapping

import redis
from django.conf import settings

WHOLE = "*"
# What a bucket holds at most, in seconds of its rate, and at least one token. It starts empty, also after a flush.
BURST_SECONDS = 1.0
# Who found a bucket empty asks again when it holds about so many seconds of the asker's share.
QUANTUM_SECONDS = 0.5
# Executions that asked within this time share the provider.
ASKING_SECONDS = 15.0
# Answers to what was on its way when the rate was halved must not halve it again.
COOLDOWN_SECONDS = 2.0
RECOVERY_SECONDS = 60.0
FLOOR_PER_SECOND = 0.5
LONGEST_WAIT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 900.0
FORGOTTEN_SECONDS = 3600
READ_SECONDS = 0.5
SILENT_SECONDS = 5.0
_silent_until = 0.0

_COMMON = f"""
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function slowed(key, field, now)
  local known = redis.call('HGET', key, field)
  if not known then return nil end
  local rate, step, ceiling, since = string.match(known, '(%S+) (%S+) (%S+) (%S+)')
  rate = tonumber(rate) + tonumber(step) * math.max(0, now - tonumber(since)) / 1000
  if rate >= tonumber(ceiling) then
    redis.call('HDEL', key, field)
    return nil
  end
  return rate, tonumber(ceiling), tonumber(since)
end
local function least(configured, known)
  if configured <= 0 then return known end
  return known and math.min(known, configured) or configured
end
local function fill(key, rate, now)
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(held[1]) or 0, tonumber(held[2]) or now
  local most = math.max(1, rate * {BURST_SECONDS})
  return math.min(most, tokens + math.max(0, now - at) * rate / 1000), math.max(at, now), most
end
local function keep(key, rate, tokens, at, now)
  redis.call('HSET', key, 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', at))
  redis.call('PEXPIRE', key, math.ceil(math.max(60000, at - now + 2000 / rate)))
end
"""

# KEYS: slowed, askers, buckets. ARGV: wanted, asker, and for each bucket its rate (0: none) and its field of `slowed`.
# All buckets grant the same number, the least that one of them may give. Answers {granted, ms until more is worth it}.
TAKE = (
    _COMMON
    + f"""
local now, granted, wait, found = clock(), tonumber(ARGV[1]), 0, {{}}
redis.call('ZADD', KEYS[2], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - {ASKING_SECONDS * 1000})
redis.call('PEXPIRE', KEYS[2], {ASKING_SECONDS * 1000:.0f})
local sharers = redis.call('ZCARD', KEYS[2])
for i = 3, #KEYS do
  local rate = least(tonumber(ARGV[2 * i - 3]), slowed(KEYS[1], ARGV[2 * i - 2], now))
  if rate then
    local tokens, at, most = fill(KEYS[i], rate, now)
    local share = math.max(1, rate * {QUANTUM_SECONDS} / sharers)
    local may = tokens
    if sharers > 1 then may = math.min(tokens, math.ceil(math.max(share, tokens - most / 2))) end
    granted = math.min(granted, math.floor(may))
    wait = math.max(wait, at - now + 1000 * sharers * share / rate)
    found[#found + 1] = {{KEYS[i], rate, tokens, at}}
  end
end
for _, bucket in ipairs(found) do
  keep(bucket[1], bucket[2], bucket[3] - granted, bucket[4], now)
end
return {{granted, math.ceil(wait)}}
"""
)

# KEYS: slowed, buckets. ARGV: for each bucket the number wanted, its rate (0: none) and its field of `slowed`.
# Each grants for itself. Answers granted and ms until the rest may have its turn, for each.
TAKE_EACH = (
    _COMMON
    + f"""
local now, answer = clock(), {{}}
for i = 2, #KEYS do
  local want = tonumber(ARGV[3 * i - 5])
  local rate = least(tonumber(ARGV[3 * i - 4]), slowed(KEYS[1], ARGV[3 * i - 3], now))
  local granted, wait = want, 0
  if rate then
    local tokens, at = fill(KEYS[i], rate, now)
    granted = math.min(want, math.floor(tokens))
    local rest = math.min({LONGEST_WAIT_SECONDS}, math.max({QUANTUM_SECONDS}, (want - granted) / rate))
    wait = at - now + 1000 * rest
    keep(KEYS[i], rate, tokens - granted, at, now)
  end
  answer[#answer + 1] = granted
  answer[#answer + 1] = math.ceil(wait)
end
return answer
"""
)

# KEYS: slowed, bucket. ARGV: field, the rate that was too much if nothing is known yet, ceiling, ms to pause.
# Answers {1 if the rate was halved now, the rate}.
SLOW = (
    _COMMON
    + f"""
local now, field = clock(), ARGV[1]
local pause = tonumber(ARGV[4])
if pause > 0 then
  local at = tonumber(redis.call('HGET', KEYS[2], 'at') or 0)
  redis.call('HSET', KEYS[2], 'tokens', 0, 'at', string.format('%.0f', math.max(at, now + pause)))
  redis.call('PEXPIRE', KEYS[2], pause + 60000)
end
local rate, ceiling, since = slowed(KEYS[1], field, now)
if rate and now - since < {COOLDOWN_SECONDS * 1000} then return {{0, tostring(rate)}} end
local before = rate or tonumber(ARGV[2])
ceiling = ceiling or tonumber(ARGV[3])
local after = math.max(math.min({FLOOR_PER_SECOND}, ceiling / 2), before / 2)
redis.call('HSET', KEYS[1], field, string.format('%.6f %.6f %.6f %.0f', after,
  math.max(before, after) / 2 / {RECOVERY_SECONDS}, ceiling, now))
redis.call('PEXPIRE', KEYS[1], {FORGOTTEN_SECONDS * 1000})
return {{1, tostring(after)}}
"""
)

# KEYS: slowed. Answers field and rate, for each that is slowed down now.
SLOWED = (
    _COMMON
    + """
local now, answer = clock(), {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local rate = slowed(KEYS[1], field, now)
  if rate then
    answer[#answer + 1] = field
    answer[#answer + 1] = tostring(rate)
  end
end
return answer
"""
)


def slowed_key(provider_id: int) -> str:
    return f"volley:rate:{{{provider_id}}}:slowed"


def askers_key(provider_id: int) -> str:
    return f"volley:rate:{{{provider_id}}}:askers"


def bucket_key(provider_id: int, name: str) -> str:
    return f"volley:rate:{{{provider_id}}}:bucket:{name}"


def pairs(answer: list[bytes]) -> dict[str, float]:
    """What SLOWED answers: `WHOLE` or a domain to messages a second."""
    return {field.decode(): float(rate) for field, rate in zip(answer[::2], answer[1::2], strict=True)}


def read_slowed(provider_id: int) -> dict[str, float]:
    """For a page: what the provider is slowed down to; empty where Valkey does not say."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return {}
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=READ_SECONDS, socket_connect_timeout=READ_SECONDS)
    try:
        return pairs(client.eval(SLOWED, 1, slowed_key(provider_id)))
    except (redis.RedisError, OSError):
        _silent_until = time.monotonic() + SILENT_SECONDS
        return {}
    finally:
        client.close()


def in_words(slowed: Mapping[str, float]) -> str:
    """'to 12/s, gmail.com to 0.5/s'; empty when nothing is slowed down."""
    whole = [f"to {slowed[WHOLE]:.3g}/s"] if WHOLE in slowed else []
    domains = sorted((domain, rate) for domain, rate in slowed.items() if domain != WHOLE)
    return ", ".join(whole + [f"{domain} to {rate:.3g}/s" for domain, rate in domains])
