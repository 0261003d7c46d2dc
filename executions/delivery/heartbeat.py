"""Who is alive: workers and beat say so in the database; workers say it of Valkey too, when it answers them."""

import logging
import os
import threading

import psycopg
import redis
from django.conf import settings
from django.db import connection

from executions.delivery.runtime import connection_parameters

COMPONENTS = ("worker", "beat", "valkey")
BEAT_SECONDS = 5.0
SILENT_AFTER_SECONDS = 30
FORGOTTEN_AFTER_SECONDS = 86_400
PING_SECONDS = 1.0
logger = logging.getLogger(__name__)


def start_heart(component: str, *, instance: str, capacity: int = 0) -> threading.Event:
    """Beats in a thread of this process until the event is set. `capacity`: how many tasks a worker runs at once."""
    stopped = threading.Event()
    name = f"{instance}:{os.getpid()}"
    threading.Thread(target=_live, args=(component, name, capacity, stopped), name="heart", daemon=True).start()
    return stopped


def _live(component: str, instance: str, capacity: int, stopped: threading.Event) -> None:
    while True:
        try:
            beat(component, instance=instance, capacity=capacity)
        except psycopg.Error as error:
            logger.warning("the heartbeat of %s can't be written: %s", component, error)
        if stopped.wait(BEAT_SECONDS):
            return


def beat(component: str, *, instance: str, capacity: int = 0) -> None:
    """A connection for each beat: a thread that keeps one could not tell a database that went away."""
    seen = [(component, instance, capacity)]
    if component == "worker" and _valkey_answers():
        seen.append(("valkey", "broker", 0))
    with psycopg.connect(**connection_parameters(), autocommit=True) as database:
        for row in seen:
            database.execute(_BEAT, row)
        database.execute(
            "DELETE FROM executions_heartbeat WHERE seen_at < clock_timestamp() - make_interval(secs => %s)",
            [FORGOTTEN_AFTER_SECONDS],
        )


_BEAT = """
    INSERT INTO executions_heartbeat (component, instance, capacity, seen_at)
    VALUES (%s, %s, %s, clock_timestamp())
    ON CONFLICT (component, instance) DO UPDATE SET seen_at = clock_timestamp(), capacity = EXCLUDED.capacity
"""


def silent_components() -> list[str]:
    """Those of `COMPONENTS` that nothing has been heard of for 30 seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT component FROM executions_heartbeat"
            " WHERE seen_at > clock_timestamp() - make_interval(secs => %s)",
            [SILENT_AFTER_SECONDS],
        )
        heard = {row[0] for row in cursor.fetchall()}
    if "worker" not in heard and "valkey" not in heard and _valkey_answers():
        heard.add("valkey")
    return [component for component in COMPONENTS if component not in heard]


def _valkey_answers() -> bool:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
