"""Executions whose rates give them nothing for a while: their lanes end, and an alarm wakes them when it is time.

The time is in PostgreSQL, where the sweep finds it. The alarm, in Valkey, is a hint that comes sooner: a thread of
each worker's main process looks at the clock, so that no process that could deliver waits for tokens.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping

import redis
from django.conf import settings
from psycopg import AsyncConnection
from psycopg.sql import SQL

from executions.delivery.rates import Rates

LOOK_SECONDS = 0.1
SILENT_SECONDS = 5.0
SOCKET_SECONDS = 2.0
RUNG_AT_ONCE = 100
# Ringing takes the broker's locks. A child forked meanwhile would inherit them held, and wait for them for ever.
_ringing = threading.Lock()
os.register_at_fork(before=_ringing.acquire, after_in_parent=_ringing.release, after_in_child=_ringing.release)
logger = logging.getLogger(__name__)

_RING = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = {}
for i, alarms in ipairs(KEYS) do
    found[i] = redis.call('ZRANGEBYSCORE', alarms, '-inf', now, 'LIMIT', 0, ARGV[1])
    if #found[i] > 0 then redis.call('ZREM', alarms, unpack(found[i])) end
end
return found
"""


async def rest(connection: AsyncConnection, rates: Rates, execution_id: int, seconds: float) -> None:
    """No lane of it is opened before."""
    await connection.execute(
        SQL(
            "UPDATE executions_execution SET paced_until = clock_timestamp() + make_interval(secs => %s)"
            " WHERE id = %s AND state = 'running'"
        ),
        [seconds, execution_id],
    )
    await rates.set_alarm(execution_id, seconds)


def start_alarm_clock(bells: Mapping[str, Callable[[int], None]]) -> threading.Event:
    """Calls the bell of a set of alarms with each whose time has come, in a thread of this process, until the event
    is set."""
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(bells, stopped), name="alarm clock", daemon=True).start()
    return stopped


def _watch(bells: Mapping[str, Callable[[int], None]], stopped: threading.Event) -> None:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS
    )
    take = client.register_script(_RING)
    pause = LOOK_SECONDS
    while not stopped.wait(pause):
        pause = LOOK_SECONDS
        try:
            for ring, due in zip(bells.values(), take(list(bells), [RUNG_AT_ONCE]), strict=True):
                for whose in due:
                    with _ringing:
                        ring(int(whose))
        except (redis.RedisError, OSError) as error:
            pause = SILENT_SECONDS
            logger.warning("the alarm clock can't be read; the sweep wakes who rests: %s", error)
    client.close()
