"""One turn of a lane, from its ticket to its successor."""

import logging

import psycopg
from django.db import DatabaseError, connection

from campaigns.models import Purpose
from executions.delivery import breaker
from executions.delivery.breaker import Available
from executions.delivery.ending import cut_off_is_past
from executions.delivery.finishing import finish_if_complete
from executions.delivery.lanes import Turn, begin_turn, end_lane, open_lanes
from executions.delivery.prepared import Prepared
from executions.delivery.runtime import Runtime, runtime
from executions.delivery.turn import TurnEnd, run_ending_turn, run_turn
from executions.delivery.unusable import UNUSABLE, say_unusable
from executions.models import Execution
from executions.settling.woken import settle_lost
from executions.states import SkipReason, State
from providers.contract import ConfigError

NOTHING = TurnEnd(more=False, closed=False)
logger = logging.getLogger(__name__)


def drain(turn: Turn) -> Turn | None:
    """Answers the turn to be enqueued, None where the lane ends."""
    successor = begin_turn(turn)
    if successor is None:
        return None
    try:
        ended = _work(turn.execution_id)
    except (psycopg.Error, DatabaseError):
        # The sweep wakes an idle slot at once; a busy one it would give up for lost only after a while.
        connection.close()
        end_lane(successor)
        raise
    if ended.closed and finish_if_complete(turn.execution_id):
        return None
    if ended.more:
        return successor
    end_lane(successor)
    return _called_back(turn) if ended.dry else None


def _called_back(turn: Turn) -> Turn | None:
    """Recipients that were added after the lane had looked for them, and before it was idle, have woken no other."""
    return next(iter(open_lanes(turn.execution_id, most=1)), None)


def _work(execution_id: int) -> TurnEnd:
    execution = Execution.objects.get(pk=execution_id)
    here = runtime()
    if execution.state == State.CANCELLING:
        return here.run(run_ending_turn(here, execution, SkipReason.CANCELLED))
    if execution.state != State.RUNNING:
        return NOTHING
    if cut_off_is_past(execution):
        return here.run(run_ending_turn(here, execution, SkipReason.CUT_OFF))
    try:
        prepared = here.prepared_now(execution_id)
    except UNUSABLE as error:
        say_unusable(execution_id, error)
        return NOTHING
    provider = breaker.ask_provider(
        execution.provider_id,
        execution_id=execution_id,
        type=execution.type,
        rate_per_minute=execution.rate_per_minute,
        urgent=execution.purpose == Purpose.TRANSACTIONAL,
    )
    return NOTHING if provider is None else _deliver(here, prepared, provider)


def _deliver(here: Runtime, prepared: Prepared, provider: Available) -> TurnEnd:
    try:
        ended = here.run(run_turn(here, prepared, provider))
    except ConfigError as error:
        here.run(_trip(here, provider, str(error)))
        return NOTHING
    if ended.lost is not None:
        settle_lost(prepared, ended.lost)
    if provider.probing:
        breaker.leave_probe(provider)
    return ended


async def _trip(here: Runtime, provider: Available, words: str) -> None:
    await breaker.trip(await here.connection(), provider, words)
