"""A batch's row after a chunk: how far it is, and what became of whom."""

from psycopg.abc import AdaptContext
from psycopg.sql import Literal
from psycopg.types.json import Jsonb

from executions.delivery.batches import Claim
from executions.delivery.leases import lease_end
from executions.delivery.window import Counts, Recorded, with_reasons
from executions.states import BatchState

CRASHES_ALLOWED = 3


def update_sql(
    claim: Claim,
    made: Recorded,
    marked_to: int,
    reasons_before: dict[str, Counts],
    *,
    release: bool,
    recovering: bool,
    context: AdaptContext,
) -> bytes:
    """With its values in it, so that COMMIT can follow in the same message."""
    closed = made.stop == claim.size
    reasons = b"reasons"
    if made.reasons:
        reasons = Literal(Jsonb(with_reasons(reasons_before, made))).as_bytes(context)
    return _UPDATE % {
        b"id": claim.id,
        b"position": made.stop,
        b"marked_to": max(marked_to, made.stop),
        b"state": _state(made, closed=closed, recovering=recovering),
        b"reasons": reasons,
        b"crashes": _crashes(made, recovering=recovering),
        b"lease": _RELEASED if closed or release else _RENEWED,
        **{name.encode(): made.counts[name] for name in ("sent", "skipped", "failed", "unknown", "parked")},
    }


_UPDATE = b"""
    UPDATE executions_batch SET position = %(position)d, marked_to = %(marked_to)d, state = %(state)b,
        sent = sent + %(sent)d, skipped = skipped + %(skipped)d, failed = failed + %(failed)d,
        unknown = unknown + %(unknown)d, parked = parked + %(parked)d, reasons = %(reasons)b,
        crashes = %(crashes)b, %(lease)b
    WHERE id = %(id)d
"""
_RELEASED = b"lease_token = NULL, lease_until = NULL, journal = ''"
_RENEWED = b"lease_until = " + lease_end().as_bytes()


def _crashes(made: Recorded, *, recovering: bool) -> bytes:
    """Crashes in a row without anything done between them."""
    if made.stop > made.start:
        return b"0"
    return b"crashes + 1" if recovering else b"crashes"


def _state(made: Recorded, *, closed: bool, recovering: bool) -> bytes:
    if recovering and not closed and made.stop == made.start:
        return b"CASE WHEN crashes + 1 >= %d THEN %d ELSE state END" % (CRASHES_ALLOWED, BatchState.QUARANTINED)
    return b"%d" % (BatchState.CLOSED if closed else BatchState.OPEN)
