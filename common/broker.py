"""Tells the workers that there may be work, after a commit. A hint: whatever happens to it, a sweep finds the work.

Called by the API and the admin through `transaction.on_commit(..., robust=True)`; the caller's answer must not
wait for a silent broker, so timeouts are short, and after a failure the broker is left alone for some seconds.
"""

import logging
import time
from functools import cache

from celery import current_app
from kombu import Connection
from kombu.pools import producers

TIMEOUT_SECONDS = 0.7
LEFT_ALONE_SECONDS = 5.0
logger = logging.getLogger(__name__)
_silent_until = 0.0


def publish(task: str, *args: int, queue: str | None = None) -> None:
    """Into the named queue, or the task's own."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        with producers[_connection()].acquire(block=True, timeout=TIMEOUT_SECONDS) as producer:
            current_app.send_task(task, args=list(args), queue=queue, producer=producer, retry=False)
    except Exception as error:
        # Whatever the broker client raises, the work is committed and a sweep will find it.
        _silent_until = time.monotonic() + LEFT_ALONE_SECONDS
        logger.warning("%s%r was not enqueued; the sweep will do it: %r", task, args, error)


@cache
def _connection() -> Connection:
    """The broker as a worker knows it, but impatient."""
    options = {
        **current_app.conf.broker_transport_options,
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
    }
    return Connection(current_app.conf.broker_url, connect_timeout=TIMEOUT_SECONDS, transport_options=options)
