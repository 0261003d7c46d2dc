"""What became of an execution so far: derived from the batches, never counted row by row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from executions.models import Execution
from executions.reading.waiting import BY_CLOCK, SHOWN, Waiting
from executions.states import ENDED, BatchState, SkipReason, State
from executions.timing.wire import asked_cut_off, asked_time

RECEIPT_KINDS = ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")
SET_ASIDE = "set_aside"
# Why an execution is slower than it could be; it goes on.
GOES_ON = ("slowed",)
_SUMMED = ("sent", "skipped", "failed", "unknown")


@dataclass(slots=True)
class Progress:
    """`counts` add up to the size; `reasons` to the counts that have reasons. `retried_by` is an execution's id.
    `waiting`: for a time by their own clock, the next first.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*_SUMMED, "pending"), 0))
    reasons: dict[str, dict[str, int]] = field(default_factory=lambda: {"skipped": {}, "failed": {}, "pending": {}})
    receipts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RECEIPT_KINDS, 0))
    retried_by: int | None = None
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(self.counts[name] for name in _SUMMED)

    @property
    def set_aside(self) -> int:
        """Recipients of batches that crashed their worker three times."""
        return self.reasons["pending"].get(SET_ASIDE, 0)


def progress_of(executions: Iterable[Execution]) -> dict[int, Progress]:
    """By execution id, with one query each for the batches of all, their receipts and their retries."""
    wanted = list(executions)
    found = {execution.pk: Progress() for execution in wanted}
    for execution in wanted:
        _add(found[execution.pk], "skipped", execution.planned_skips)
        found[execution.pk].counts["skipped"] += sum(execution.planned_skips.values())
    if wanted:
        _read_batches(found)
        _read_receipts(found, wanted)
        _read_retries(found)
    return found


_BATCHES = """
    WITH summed AS (
        SELECT execution_id, CASE WHEN state = %(quarantined)s THEN %(set_aside)s
            WHEN reason = ANY (%(by_clock)s) AND not_before <= clock_timestamp() THEN 'ready' ELSE reason END AS reason,
            reasons, sent, skipped, failed, unknown, size - position AS pending, not_before
        FROM executions_batch WHERE execution_id = ANY (%(ids)s)
    )
    SELECT execution_id, 'counts', NULL, NULL, sum(sent), sum(skipped), sum(failed), sum(unknown), sum(pending)
    FROM summed GROUP BY execution_id
    UNION ALL
    SELECT execution_id, 'pending', reason, sum(pending), 0, 0, 0, 0, 0
    FROM summed WHERE pending > 0 GROUP BY execution_id, reason
    UNION ALL
    SELECT execution_id, 'waiting', reason, sum(pending), extract(epoch FROM not_before), 0, 0, 0, 0
    FROM summed WHERE pending > 0 AND reason = ANY (%(by_clock)s) GROUP BY execution_id, reason, not_before
    UNION ALL
    SELECT execution_id, outcome.key, why.key, sum(why.value::bigint), 0, 0, 0, 0, 0
    FROM summed, jsonb_each(reasons) outcome, jsonb_each_text(outcome.value) why
    WHERE reasons <> '{}' GROUP BY execution_id, outcome.key, why.key
"""


def _read_batches(found: Mapping[int, Progress]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _BATCHES,
            {
                "ids": list(found),
                "quarantined": BatchState.QUARANTINED.value,
                "set_aside": SET_ASIDE,
                "by_clock": list(BY_CLOCK),
            },
        )
        for execution_id, outcome, reason, count, *sums in cursor.fetchall():
            progress = found[execution_id]
            if outcome == "counts":
                for name, amount in zip((*_SUMMED, "pending"), sums, strict=True):
                    progress.counts[name] += int(amount)
            elif outcome == "waiting":
                progress.waiting.append(Waiting(datetime.fromtimestamp(float(sums[0]), UTC), reason, int(count)))
            else:
                _add(progress, outcome, {reason: int(count)})
    for progress in found.values():
        progress.waiting.sort()


def _add(progress: Progress, outcome: str, reasons: Mapping[str, int]) -> None:
    known = progress.reasons.setdefault(outcome, {})
    for reason, count in reasons.items():
        known[reason] = known.get(reason, 0) + count


def _read_receipts(found: Mapping[int, Progress], executions: Iterable[Execution]) -> None:
    """Recipients per kind, not events: who opens twice is one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT execution_id, kind, count(DISTINCT (contact_id, address_id)) FROM executions_receipt
            WHERE (launched_on, execution_id) IN (SELECT * FROM unnest(%s::date[], %s::bigint[]))
            GROUP BY execution_id, kind
            """,
            [[one.launched_on for one in executions], [one.pk for one in executions]],
        )
        for execution_id, kind, count in cursor.fetchall():
            if kind in RECEIPT_KINDS:
                found[execution_id].receipts[kind] = count


def _read_retries(found: Mapping[int, Progress]) -> None:
    for execution_id, retry_id in Execution.objects.filter(retry_of__in=found).values_list("retry_of_id", "pk"):
        found[execution_id].retried_by = retry_id


def share_done(execution: Execution, progress: Progress) -> float | None:
    """From 0 to 1 in hundredths, rounded down: 1 only when nobody is left. None while events may add recipients."""
    if execution.accepts_until is not None and execution.state not in ENDED:
        return None
    if execution.state == State.FINISHED or execution.size == 0:
        return 1.0
    return progress.done * 100 // execution.size / 100 if execution.size else 0.0


def rate_per_second(execution: Execution, progress: Progress, *, now: datetime | None = None) -> float:
    """Handled a second, averaged since planning ended; 0 for one that is not running or waits for its provider."""
    if execution.started_at is None:
        return 0.0
    ended = execution.finished_at if execution.state in ENDED else None
    if ended is None and (execution.state != State.RUNNING or _waits(execution) or _stuck(progress)):
        return 0.0
    seconds = ((ended or now or datetime.now(UTC)) - execution.started_at).total_seconds()
    handled = sum(progress.counts[name] for name in ("sent", "failed", "unknown"))
    return round(handled / max(seconds, 1.0), 1)


def eta_seconds(execution: Execution, progress: Progress, rate: float, *, now: datetime | None = None) -> int | None:
    """None where there is nothing to go by. Not before the last of those who wait for a time is due; nor after the
    cut-off, which ends it."""
    if execution.state != State.RUNNING:
        return None
    waiting = sum(one.recipients for one in progress.waiting)
    left = progress.counts["pending"] - waiting
    if not rate and (left or not waiting):
        return None
    now = now or datetime.now(UTC)
    last = (progress.waiting[-1].until - now).total_seconds() if waiting else 0.0
    ends = [(end - now).total_seconds() for end in (execution.cut_off_at, execution.cut_off_last) if end is not None]
    return round(max(min([max(left / rate if rate else 0.0, last), *ends]), 0.0))


def _waits(execution: Execution) -> bool:
    reason = execution.state_reason
    return reason is not None and reason["code"] not in GOES_ON


def _stuck(progress: Progress) -> bool:
    """Nobody is left but those set aside."""
    return 0 < progress.counts["pending"] == progress.set_aside


def state_reason(execution: Execution, progress: Progress) -> dict[str, Any] | None:
    """Why it waits. Batches set aside are said as long as there are any, where nothing else is to be said."""
    left = progress.set_aside
    if execution.state_reason or not left or execution.state != State.RUNNING:
        return execution.state_reason
    who = "1 recipient is" if left == 1 else f"{left:,} recipients are"
    message = f"{who} set aside: their batch crashed its worker three times."
    if _stuck(progress):
        message += " Nobody else is left: release, narrow down or give up what is set aside, to end the execution."
    return {"code": "batch_set_aside", "message": message, "retry_at": None}


def _has_failed(execution: Execution, progress: Progress) -> bool:
    """A retry that was cancelled owes another try to those whom it did not come to."""
    cancelled = progress.reasons["skipped"].get(SkipReason.CANCELLED, 0) or execution.size is None
    return progress.counts["failed"] > 0 or (execution.retry_of_id is not None and bool(cancelled))


def actions(execution: Execution, progress: Progress) -> list[str]:
    """The moves that its state allows now."""
    match execution.state:
        case State.FINISHED | State.CANCELLED:
            return ["retry-failed"] if _has_failed(execution, progress) and progress.retried_by is None else []
        case State.PAUSED:
            return ["resume", "cancel"]
        case State.SCHEDULED | State.PLANNING | State.RUNNING:
            return ["pause", "cancel"]
        case State.AWAITING_APPROVAL:
            return ["cancel"]
    return []


def _trigger(execution: Execution) -> dict[str, Any] | None:
    """What made it, where that was an event."""
    if execution.activation_id is None:
        return None
    return {
        "activation_id": execution.activation_id,
        "accepts_until": execution.accepts_until,
        "occurrence": execution.occurrence,
        "event": execution.event,
    }


def execution_wire(execution: Execution, progress: Progress) -> dict[str, Any]:
    """An execution as the API shows it; its template version is loaded."""
    rate = rate_per_second(execution, progress)
    return {
        "execution_id": execution.pk,
        "campaign_id": execution.campaign_id,
        "campaign_name": execution.campaign_name,
        "type": execution.type,
        "state": State(execution.state).on_wire,
        "state_reason": state_reason(execution, progress),
        "template_id": execution.template_version.template_id,
        "template_version": execution.template_version.number,
        "audience": execution.audience,
        "frequency_capping": execution.frequency_capping,
        "rate_per_minute": execution.rate_per_minute,
        "personalization": execution.personalization,
        "trigger": _trigger(execution),
        "retry_of": execution.retry_of_id,
        "retried_by": progress.retried_by,
        "size": execution.size,
        "counts": progress.counts,
        "reasons": progress.reasons,
        "waiting": [one.as_wire() for one in progress.waiting[:SHOWN]],
        "receipts": progress.receipts,
        "progress": share_done(execution, progress),
        "rate_per_second": rate,
        "eta_seconds": eta_seconds(execution, progress, rate),
        "actions": actions(execution, progress),
        "created_by": execution.created_by,
        "created_at": execution.created_at,
        "scheduled_for": execution.scheduled_for,
        "schedule": asked_time(execution),
        "schedule_id": execution.schedule_id,
        "cut_off": asked_cut_off(execution),
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
    }
