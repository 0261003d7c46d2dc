"""Tells the workers that there may be work, after a commit. A hint: whatever happens to it, the sweep finds the work.

Called by the API and the admin through `transaction.on_commit(..., robust=True)`; the caller's answer must not
wait for a silent broker, so timeouts are short, and after a failure the broker is left alone for some seconds.
"""

import logging
import time
from functools import cache

from celery import current_app
from kombu import Connection
from kombu.pools import producers

from executions.states import State

TIMEOUT_SECONDS = 0.7
LEFT_ALONE_SECONDS = 5.0
logger = logging.getLogger(__name__)
_silent_until = 0.0


def enqueue_plan(execution_id: int) -> None:
    _publish("executions.plan", execution_id)


def enqueue_drain(execution_id: int) -> None:
    _publish("executions.drain", execution_id)


def enqueue_lane(execution_id: int, slot: int, ticket: int) -> None:
    """One lane's next turn; see `executions.lanes`."""
    _publish("executions.drain", execution_id, slot, ticket)


def enqueue_next(execution_id: int, state: str) -> None:
    """What an execution in this state waits for a worker to do, if anything."""
    if state == State.PLANNING:
        enqueue_plan(execution_id)
    elif state in (State.RUNNING, State.CANCELLING):
        enqueue_drain(execution_id)


def _publish(task: str, execution_id: int, *args: int) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        with producers[_connection()].acquire(block=True, timeout=TIMEOUT_SECONDS) as producer:
            current_app.send_task(task, args=[execution_id, *args], producer=producer, retry=False)
    except Exception as error:
        # Whatever the broker client raises, the execution is committed and the sweep will find it.
        _silent_until = time.monotonic() + LEFT_ALONE_SECONDS
        logger.warning("%s for execution %s was not enqueued; the sweep will do it: %r", task, execution_id, error)


@cache
def _connection() -> Connection:
    """The broker as a worker knows it, but impatient."""
    options = {
        **current_app.conf.broker_transport_options,
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
    }
    return Connection(current_app.conf.broker_url, connect_timeout=TIMEOUT_SECONDS, transport_options=options)
