"""Freezes who is in the segments of an execution's audience, by one statement and so by one snapshot.

Lists and uploads hold still or are read page by page; a rule over attributes and events would answer another set on
every page, and relative dates another day. What was frozen is never asked again.
"""

from time import monotonic
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from psycopg.errors import QueryCanceled

from audiences.segments.frozen import freezing_sql
from audiences.segments.periods import Moment
from audiences.segments.selectors import FOR_SETS, bounded, moment_of
from audiences.sources import segments_in
from executions.delivery.classify import Scope
from executions.delivery.steps import keep_lease, step
from executions.models import Execution
from executions.states import State

# Nobody else plans the execution while the statement runs, so it has an end.
FREEZING_SECONDS = 120
_TOO_SLOW = {
    "code": "too_slow",
    "message": f"Finding who fits its segments took more than {FREEZING_SECONDS} seconds, so nobody was sent anything."
    " Narrow their rules, and launch again.",
    "retry_at": None,
}


def freeze_for_planner(scope: Scope, *, execution_id: int, token: UUID, until: int) -> bool:
    """Does nothing where there are no segments, or they are frozen. False when the planner's lease was lost."""
    if not segments_in(scope.audience):
        return True
    with step(execution_id, token) as cursor:
        if cursor is None:
            return False
        if Execution.objects.filter(pk=execution_id, frozen_at__isnull=False).exists():
            return True
        return _freeze_once(scope, execution_id, token, until)


def _give_up(execution_id: int, token: UUID) -> None:
    """Asked again it would take as long again, for ever. Of one that was cancelled meanwhile, nobody is owed a row."""
    held = Execution.objects.filter(pk=execution_id, plan_token=token, size=None)
    held.filter(state=State.PLANNING).update(
        state=State.FAILED, state_reason=_TOO_SLOW, finished_at=Now(), size=0
    ) or held.filter(state=State.CANCELLING).update(state=State.CANCELLED, finished_at=Now(), size=0)


def freeze_in_time(scope: Scope, *, until: int) -> float:
    """For a dry run, in its transaction; answers the seconds that it took. Raises `TooSlow`."""
    if not segments_in(scope.audience):
        return 0.0
    begun = monotonic()
    with bounded() as cursor:
        _freeze(cursor, scope, until, moment_of(scope.workspace_id))
    return monotonic() - begun


def _freeze_once(scope: Scope, execution_id: int, token: UUID, until: int) -> bool:
    """Within a step. The execution's row is written last: whoever pauses or cancels it meanwhile waits for no lock."""
    moment = moment_of(scope.workspace_id)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{FREEZING_SECONDS}s'; {FOR_SETS}")
            _freeze(cursor, scope, until, moment)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            ours = _note(cursor, execution_id, token, moment)
            transaction.set_rollback(not ours)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        _give_up(execution_id, token)
        return False
    return ours


def _note(cursor: Any, execution_id: int, token: UUID, moment: Moment) -> bool:
    cursor.execute(
        "UPDATE executions_execution SET frozen_at = %s WHERE id = %s AND plan_token = %s AND frozen_at IS NULL",
        [moment.now, execution_id, token],
    )
    return bool(cursor.rowcount) and keep_lease(cursor, execution_id, token)


def _freeze(cursor: Any, scope: Scope, until: int, moment: Moment) -> None:
    if scope.execution_id is None:
        raise ValueError("Segments are frozen for an execution.")
    cursor.execute(
        freezing_sql(
            segments_in(scope.audience),
            workspace_id=scope.workspace_id,
            execution_id=scope.execution_id,
            until=until,
            moment=moment,
        )
    )
