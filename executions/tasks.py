"""The Celery tasks: thin, by id; each says only that there may be work."""

from celery import shared_task

from audiences.rights.hashing import renew_secrets
from common.alarms import drop_hint
from executions.delivery import draining, lanes, partitions, planning, sweeping
from executions.delivery.finishing import finish_if_complete
from executions.delivery.lanes import Turn
from executions.delivery.planning import Planned
from executions.enqueue import (
    enqueue_lane,
    enqueue_next,
    enqueue_plan,
    enqueue_promoting,
    enqueue_tending,
    promoting_hint,
)
from executions.retention import uploads
from executions.rights.erasing import scrub_what_came_late
from executions.scheduling.runs import make_due_runs
from executions.triggering import promoting, waiting
from executions.triggering.passing_over import forget_passed_over


@shared_task(name="executions.plan")
def plan(execution_id: int) -> None:
    planned = planning.plan(execution_id)
    if planned is Planned.MORE:
        enqueue_plan(execution_id)
    elif planned is Planned.DONE and not finish_if_complete(execution_id):
        _begin(execution_id)


@shared_task(name="executions.drain")
def drain(execution_id: int, slot: int | None = None, ticket: int | None = None) -> None:
    """Without a slot: opens as many lanes as there is work for."""
    if slot is None or ticket is None:
        _open_lanes(execution_id)
        return
    _take_turn(Turn(execution_id, slot, ticket))


@shared_task(name="executions.sweep")
def sweep() -> None:
    found = sweeping.sweep()
    for execution_id in found.plans:
        enqueue_plan(execution_id)
    for turn in found.turns:
        enqueue_lane(*turn)
    for activation_id in waiting.sweep():
        enqueue_promoting(activation_id)


@shared_task(name="executions.make_runs")
def make_runs() -> None:
    for execution in make_due_runs():
        enqueue_next(execution.pk, execution.state)


@shared_task(name="executions.scrub_erased")
def scrub_erased() -> None:
    renew_secrets()
    scrub_what_came_late()


@shared_task(name="executions.make_partitions")
def make_partitions() -> None:
    partitions.make_partitions()
    sweeping.tidy_journals()
    forget_passed_over()
    waiting.forget_old_uses()


@shared_task(name="executions.tend_uploads")
def tend_uploads() -> None:
    """A slice of the deleting; the rest is enqueued again, so that campaigns get their turn in between."""
    if uploads.tend_uploads():
        enqueue_tending()


@shared_task(name="executions.promote")
def promote(activation_id: int) -> None:
    """What is due of a trigger; its recipients are sent to at once, as far as one turn goes."""
    drop_hint(promoting_hint(activation_id))
    promoted = promoting.promote(activation_id)
    if promoted.more:
        enqueue_promoting(activation_id)
    for planned in promoted.planned:
        enqueue_plan(planned)
    turns = [turn for execution_id in promoted.running for turn in lanes.open_lanes(execution_id)]
    for turn in turns[1:]:
        enqueue_lane(*turn)
    if turns:
        _take_turn(turns[0])


def _begin(execution_id: int) -> None:
    """The first turn is taken at once: a small execution needs no other, and waits in line only once."""
    turns = lanes.open_lanes(execution_id)
    for turn in turns[1:]:
        enqueue_lane(*turn)
    if turns:
        _take_turn(turns[0])


def _take_turn(turn: Turn) -> None:
    successor = draining.drain(turn)
    if successor is not None:
        enqueue_lane(*successor)


def _open_lanes(execution_id: int) -> None:
    for turn in lanes.open_lanes(execution_id):
        enqueue_lane(*turn)
