"""Events that are due become recipients: a few thousand of one trigger in one transaction.

One at a time per campaign, under an advisory lock that ends with the transaction: so how often a contact has had its
message is read and written by nobody else, and a worker that dies leaves nothing behind.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Max
from psycopg.sql import SQL, Literal

from common import alarms
from executions.delivery.leases import LET_GO_IF_SILENT
from executions.models import Became, Execution, TriggerActivation
from executions.states import State
from executions.triggering.approval import APPROVAL_REQUIRED
from executions.triggering.business import launch_upon
from executions.triggering.claiming import Claimed, claim, next_due, stopped
from executions.triggering.passing_over import Fates, Why, write_passed_over
from executions.triggering.standing import OPEN, add, in_line, standing_execution
from executions.triggering.uses import BUSINESS, Decided, Use, decide, read_unspent, read_uses, write_uses

AT_ONCE = 5_000
# When another is promoting now, who knows whether it has seen what we were called for.
BUSY_SECONDS = 0.1
ENOUGH_SECONDS = 0.25
# Their provider is away, or others are before them in line.
STUCK_SECONDS = 2.0
HOUR = timedelta(hours=1)


class Promoted(NamedTuple):
    """`running` have new batches, `planned` are to be planned; `more`: there was more due than is done at once."""

    running: list[int]
    planned: list[int]
    more: bool


NOTHING = Promoted([], [], more=False)


class HourOver(Exception):
    """The hour's execution has ended: the hour was over after we had looked at the clock, or the clock was set back."""


def promote(activation_id: int) -> Promoted:
    """What is due of an activation, up to `AT_ONCE`; sets the alarm for what is due next."""
    activation = TriggerActivation.objects.filter(pk=activation_id).first()
    if activation is None:
        return NOTHING
    line = in_line(activation)
    if line.enough:
        alarms.set_alarm(alarms.TRIGGERS, activation_id, ENOUGH_SECONDS if line.moves else STUCK_SECONDS)
        return NOTHING
    done = _promote_in_time(activation)
    if done is None:
        alarms.set_alarm(alarms.TRIGGERS, activation_id, BUSY_SECONDS)
        return NOTHING
    waits = activation.definition["delay_seconds"] > 0 and not done.more
    if waits and (seconds := next_due(activation_id)) is not None:
        alarms.set_alarm(alarms.TRIGGERS, activation_id, seconds)
    return done


def _promote_in_time(activation: TriggerActivation) -> Promoted | None:
    """Into the hour after the last that ended, where the clock says that one is not over: it was, and the clock was
    set back. None where another is at it."""
    try:
        return _promote(activation)
    except HourOver:
        ended = Execution.objects.filter(activation=activation, state=State.FINISHED).aggregate(Max("accepts_until"))
    try:
        return _promote(activation, since=ended["accepts_until__max"])
    except HourOver:
        return None


@transaction.atomic
def _promote(activation: TriggerActivation, *, since: datetime | None = None) -> Promoted | None:
    """`since`: no hour before it takes recipients any more. None where another is at it."""
    begun = _begin(activation)
    if begun is None:
        return None
    hits = claim(activation, most=AT_ONCE)
    if not hits:
        return NOTHING
    fates = Fates()
    done = NOTHING
    if activation.drops_waiting:
        fates.pass_over(hits, Became.DROPPED)
    elif begun.needs_approval:
        fates.pass_over(hits, Became.REFUSED, APPROVAL_REQUIRED)
    else:
        done = _sort_out(activation, hits, begun.now, since, fates)
    write_passed_over(activation.pk, fates)
    _count(activation.pk, fates.counts)
    return done._replace(more=len(hits) == AT_ONCE)


class _Begun(NamedTuple):
    """PostgreSQL's time, and whether the workspace wants launches approved, once the campaign's promoting is ours."""

    now: datetime
    needs_approval: bool


def _begin(activation: TriggerActivation) -> _Begun | None:
    with connection.cursor() as cursor:
        # Statistics may know nothing yet of a backlog, which would be sorted whole for each claim.
        cursor.execute(f"{LET_GO_IF_SILENT}; SET LOCAL jit = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            SQL("SELECT pg_try_advisory_xact_lock(hashtextextended({}, 0))").format(
                Literal(f"volley.promote:{activation.campaign_id}")
            )
        )
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_BEGUN, [activation.workspace_id])
        return _Begun(*cursor.fetchone())


_BEGUN = "SELECT clock_timestamp(), requires_approval FROM workspaces_workspace WHERE id = %s"


def _sort_out(
    activation: TriggerActivation, hits: list[Claimed], now: datetime, since: datetime | None, fates: Fates
) -> Promoted:
    over = stopped(activation, hits)
    fates.pass_over([hit for hit in hits if hit.event_id in over], Became.STOPPED)
    left = [hit for hit in hits if hit.event_id not in over]
    uses = read_uses(activation.campaign_id, {hit.contact_id or BUSINESS for hit in left})
    hour = max(_hour(uses.values(), now), since or now.replace(minute=0, second=0, microsecond=0))
    unspent = read_unspent(uses, activation.definition, now=now)
    decided = decide(
        left, uses, activation.definition, hour=hour, now=now, activation_id=activation.pk, unspent=unspent
    )
    write_uses(activation.campaign_id, decided.uses)
    for became, those in decided.became.items():
        fates.pass_over(those, became)
    if activation.definition["business"]:
        return Promoted([], _launch(activation, decided, fates), more=False)
    return Promoted(_add(activation, decided, hour, fates), [], more=False)


def _launch(activation: TriggerActivation, decided: Decided, fates: Fates) -> list[int]:
    launched = []
    for hit in chain.from_iterable(decided.occurrences.values()):
        made = launch_upon(activation, hit)
        if isinstance(made, Why):
            fates.pass_over([hit], Became.REFUSED, made)
        else:
            fates.count(Became.PROMOTED, 1)
            launched.append(made.pk)
    return launched


def _add(activation: TriggerActivation, decided: Decided, hour: datetime, fates: Fates) -> list[int]:
    """Answers the executions that have more recipients now."""
    running = []
    for occurrence, those in sorted(decided.occurrences.items()):
        execution = standing_execution(activation, until=hour + HOUR, occurrence=occurrence)
        if execution.state == State.FINISHED:
            raise HourOver
        if execution.state not in OPEN:
            fates.pass_over(those, Became.DROPPED)
            continue
        there = add(execution, those)
        fates.count(Became.PROMOTED, len(there))
        fates.pass_over([hit for hit in those if hit.contact_id not in there], Became.DELETED)
        running.append(execution.pk)
    return running


def _hour(uses: Collection[Use], now: datetime) -> datetime:
    """Its beginning. If the clock was set back we stay in the hour that we were in: who has been counted is counted."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return max(hour, *(use.hour for use in uses)) if uses else hour


def _count(activation_id: int, became: Mapping[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(became), list(became.values()), activation_id])


_COUNT = """
    UPDATE executions_triggeractivation SET counts = counts || (
        SELECT coalesce(jsonb_object_agg(word, n + coalesce((counts->>word)::bigint, 0)), '{}')
        FROM unnest(%s::text[], %s::bigint[]) AS given (word, n) WHERE n > 0)
    WHERE id = %s
"""
