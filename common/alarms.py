"""Alarms in Valkey: what is to be looked at when. Hints: whatever happens to one, a sweep finds what is due.

Set by whoever knows when; rung by a thread of each worker's main process (`executions.delivery.resting`). Times are
Valkey's.
"""

import logging
import math
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.commands.core import Script

TIMEOUT_SECONDS = 0.5
LEFT_ALONE_SECONDS = 5.0
# Triggers that have events due, by activation.
TRIGGERS = "volley:alarms:triggers"
# KEYS: the alarms. ARGV: ms from now, whose alarm it is. An earlier alarm stays.
SET_ALARM = """
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], 'LT', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1], ARGV[2])
"""
logger = logging.getLogger(__name__)
_silent_until = 0.0


def set_alarm(alarms: str, whose: int, seconds: float = 0.0) -> None:
    """An alarm for `whose` in the set named. Never raises."""
    _tell(lambda: _script()([alarms], [math.ceil(max(seconds, 0.0) * 1000), whose]))


def claim_hint(name: str, *, seconds: float) -> bool:
    """Whether no such hint is on its way: True once until it is dropped, or `seconds` have passed. True in doubt."""
    return _tell(lambda: _client().set(name, 1, nx=True, px=math.ceil(seconds * 1000)), silent=True) is not None


def drop_hint(name: str) -> None:
    """It has arrived: the next one is worth sending. Never raises."""
    _tell(lambda: _client().delete(name))


def _tell(ask: Callable[[], Any], silent: Any = None) -> Any:
    """`silent` where Valkey does not answer; it is then left alone for some seconds."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return silent
    try:
        return ask()
    except (redis.RedisError, OSError) as error:
        _silent_until = time.monotonic() + LEFT_ALONE_SECONDS
        logger.warning("Valkey was not told; the sweep will find it: %r", error)
        return silent


@cache
def _client() -> redis.Redis:
    """Its pool makes new connections in a forked process."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


@cache
def _script() -> Script:
    return _client().register_script(SET_ALARM)
