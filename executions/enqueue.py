"""Hints to the workers about executions: called by the API and the admin when a transaction has committed.

`transaction.on_commit(lambda: …, robust=True)` goes around them (Django can't log the failure of a `partial`); see
`common.broker` for what happens without a broker.
"""

from common.broker import publish
from executions.states import State


def enqueue_plan(execution_id: int) -> None:
    publish("executions.plan", execution_id)


def enqueue_drain(execution_id: int) -> None:
    """Opens as many lanes as there is work for."""
    publish("executions.drain", execution_id)


def enqueue_lane(execution_id: int, slot: int, ticket: int) -> None:
    """One lane's next turn; see `executions.delivery.lanes`."""
    publish("executions.drain", execution_id, slot, ticket)


def enqueue_next(execution_id: int, state: str) -> None:
    """What an execution that has just come into this state waits for, if anything."""
    if state in (State.PLANNING, State.CANCELLING):
        enqueue_plan(execution_id)
    if state in (State.RUNNING, State.CANCELLING):
        enqueue_drain(execution_id)
