"""Whoever did what cancels their message is not sent to any more, however long something held it: quiet hours, a
throttle, a pause, a retry. Asked in the transaction that marks a chunk, as consent is: an event that was accepted
before counts."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncCursor
from psycopg.sql import SQL, Composable, Literal

from audiences.events.cancelling import Triggering, cancelled_sql, month_of
from audiences.segments.selectors import moment_of
from executions.delivery.roster import Recipient
from executions.models import Execution, TriggerActivation
from executions.states import SkipReason

_AT = SQL("(m.event->>'at')::timestamptz")
_TRIGGERING = Triggering(
    contact_id=SQL("m.contact_id"),
    event_id=SQL("(m.event->>'id')::bigint"),
    at=_AT,
    month=month_of(_AT),
    properties=SQL("(m.event->'properties')"),
)


class Cancelling:
    """Of an execution whose recipients have each an event that triggered it. `event`: the name of what cancels."""

    def __init__(
        self, *, workspace_id: int, execution_id: int, event: str, conditions: Sequence[dict[str, Any]]
    ) -> None:
        self.event = event
        self._workspace_id = workspace_id
        self._execution_id = execution_id
        self._conditions = conditions
        self._cancelled: Composable | None = None

    def renew(self) -> "Cancelling":
        """Relative dates are those of today."""
        if self._cancelled is None or any(one["value_type"] == "date" for one in self._conditions):
            self._cancelled = cancelled_sql(
                workspace_id=self._workspace_id,
                event_name=self.event,
                conditions=self._conditions,
                triggering=_TRIGGERING,
                moment=moment_of(self._workspace_id),
            )
        return self

    async def ruled_out(self, cursor: AsyncCursor, recipients: Sequence[Recipient]) -> list[Recipient]:
        """The same, those with the reason who did it. After `renew`."""
        asked = [one.contact_id for one in recipients if one.reason is None]
        if not asked or self._cancelled is None:
            return list(recipients)
        await cursor.execute(
            _QUESTION.format(execution=Literal(self._execution_id), contacts=Literal(asked), cancelled=self._cancelled)
        )
        over = {row[0] for row in await cursor.fetchall()}
        return [_cancelled(one) if one.reason is None and one.contact_id in over else one for one in recipients]


_QUESTION = SQL("""
    SELECT m.contact_id FROM executions_recipientdata m
    WHERE m.execution_id = {execution} AND m.contact_id = ANY ({contacts}::bigint[]) AND m.event IS NOT NULL
        AND {cancelled}
""")


def _cancelled(recipient: Recipient) -> Recipient:
    return recipient._replace(reason=SkipReason.CANCELLED.value)


def cancelling_of(execution: Execution) -> Cancelling | None:
    """None where nothing but a person cancels it."""
    if execution.activation_id is None or execution.event is not None:
        return None
    definition = TriggerActivation.objects.values_list("definition", flat=True).get(pk=execution.activation_id)
    if not definition["cancel_event"]:
        return None
    return Cancelling(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        event=definition["cancel_event"],
        conditions=definition["cancel_conditions"],
    )
