"""Whether a contact has done what cancels a message: asked as SQL of the events that are there when it is asked.

So it does not matter which of the two events was told of first, and recording an event asks nothing of triggers that
it may cancel. A filter may refer to the triggering event, as in `{"event": "cart_id"}`: of the same cart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Composable, Literal

from audiences.segments.comparing import comparison_sql
from audiences.segments.periods import Moment
from audiences.segments.referring import referring_sql, refers


@dataclass(frozen=True, slots=True)
class Triggering:
    """Where a statement has the event that a message is about. `month`: no event since then was received before it."""

    contact_id: Composable
    event_id: Composable
    at: Composable
    month: Composable
    properties: Composable


def month_of(at: Composable) -> Composable:
    """An event's own time is at most minutes after the month in which it was received; a day is ample."""
    return SQL("date_trunc('month', ({} - interval '1 day') AT TIME ZONE 'UTC')::date").format(at)


def cancelled_sql(
    *,
    workspace_id: int,
    event_name: str,
    conditions: Sequence[Mapping[str, Any]],
    triggering: Triggering,
    moment: Moment,
) -> Composable:
    """True or false: the contact did it after the triggering event, by its own time and then by its id."""
    return SQL("""
        EXISTS (SELECT FROM audiences_event e
            WHERE e.workspace_id = {workspace} AND e.name = {name} AND e.contact_id = {contact}
            AND e.at >= {at} AND (e.at, e.id) > ({at}, {event}) AND e.received_month >= {month}{fits})
    """).format(
        workspace=Literal(workspace_id),
        name=Literal(event_name),
        contact=triggering.contact_id,
        at=triggering.at,
        event=triggering.event_id,
        month=triggering.month,
        fits=SQL("").join(SQL(" AND {}").format(_fits(one, triggering, moment)) for one in conditions),
    )


def _fits(condition: Mapping[str, Any], triggering: Triggering, moment: Moment) -> Composable:
    if refers(condition):
        return referring_sql(SQL("e.properties"), condition, triggering.properties)
    return comparison_sql(SQL("e.properties"), condition, moment)
