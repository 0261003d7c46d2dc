"""Hints to the workers about executions: called by the API and the admin when a transaction has committed.

`transaction.on_commit(lambda: …, robust=True)` goes around them (Django can't log the failure of a `partial`); see
`common.broker` for what happens without a broker. Workers take from the queue of transactional executions first.
"""

from functools import lru_cache

from django.db import DatabaseError, connection

from campaigns.models import Purpose
from common import alarms
from common.broker import publish
from executions.delivery.rates import FIRST_QUEUE as FIRST
from executions.models import Execution, TriggerActivation
from executions.states import State

BULK = "volley"
# After so long a message that was to promote is given up for lost.
PROMOTING_SECONDS = 10.0


def enqueue_plan(execution_id: int) -> None:
    publish("executions.plan", execution_id, queue=queue_of(execution_id))


def enqueue_drain(execution_id: int) -> None:
    """Opens as many lanes as there is work for."""
    publish("executions.drain", execution_id, queue=queue_of(execution_id))


def enqueue_waking(execution_id: int) -> None:
    """The same for one whose rates gave it nothing: a moment's work, and the tokens are there now."""
    publish("executions.drain", execution_id, queue=FIRST)


def enqueue_tending() -> None:
    """More uploads are to be deleted."""
    publish("executions.tend_uploads", queue=BULK)


def enqueue_lane(execution_id: int, slot: int, ticket: int) -> None:
    """One lane's next turn; see `executions.delivery.lanes`."""
    publish("executions.drain", execution_id, slot, ticket, queue=queue_of(execution_id))


def enqueue_promoting(activation_id: int) -> None:
    """Events of a trigger are due. While one message waits in line, there is no need of another."""
    if alarms.claim_hint(promoting_hint(activation_id), seconds=PROMOTING_SECONDS):
        publish("executions.promote", activation_id, queue=_queue_of_activation(activation_id))


def promoting_hint(activation_id: int) -> str:
    return f"volley:promoting:{activation_id}"


def enqueue_next(execution_id: int, state: str) -> None:
    """What an execution that has just come into this state waits for, if anything."""
    if state in (State.PLANNING, State.CANCELLING):
        enqueue_plan(execution_id)
    if state in (State.RUNNING, State.CANCELLING):
        enqueue_drain(execution_id)


@lru_cache(maxsize=10_000)
def queue_of(execution_id: int) -> str:
    """An execution never changes its purpose."""
    found = Execution.objects.filter(pk=execution_id, purpose=Purpose.TRANSACTIONAL)
    return FIRST if found.exists() else BULK


def _queue_of_activation(activation_id: int) -> str:
    """Asked by the alarm clock too, whose thread must outlive the database's absence."""
    try:
        return _known_queue_of_activation(activation_id)
    except DatabaseError:
        connection.close()
        return BULK


@lru_cache(maxsize=10_000)
def _known_queue_of_activation(activation_id: int) -> str:
    found = TriggerActivation.objects.filter(pk=activation_id, purpose=Purpose.TRANSACTIONAL)
    return FIRST if found.exists() else BULK
