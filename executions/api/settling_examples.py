"""Bodies of what is done by hand after trouble, as `docs` and clients show them."""

from typing import Any

from executions.api.examples import EXECUTION

RETRY: dict[str, Any] = {"include": ["failed", "unknown"]}
RETRIED: dict[str, Any] = {
    "status": "success",
    "message": "Retry accepted for delivery",
    **EXECUTION,
    "execution_id": 50002,
    "state": "planning",
    "state_reason": None,
    "audience": {"type": "retry", "execution_id": 50001, "include": ["failed"], "exclude": []},
    "retry_of": 50001,
    "size": None,
    "counts": {"sent": 0, "skipped": 0, "failed": 0, "unknown": 0, "pending": 0},
    "reasons": {"skipped": {}, "failed": {}, "pending": {}},
    "progress": 0.0,
    "started_at": None,
}
SETTLE: dict[str, Any] = {
    "outcome": "sent",
    "delivery_ids": ["50001-88231-90412", "50001-88240-90431"],
    "note": "Found in the relay's log.",
}
SETTLE_ALL: dict[str, Any] = {"outcome": "failed", "all": True, "note": "The relay lost them."}
SETTLED: dict[str, Any] = {
    "status": "success",
    "message": "Deliveries settled as sent",
    "execution_id": 50001,
    "outcome": "sent",
    "settled": 2,
    "unchanged": 0,
    "unknown": 14,
}
BATCH: dict[str, Any] = {
    "batch_id": 7001,
    "execution_id": 50001,
    "state": "quarantined",
    "reason": "ready",
    "size": 5000,
    "left": 4500,
    "recipients": [{"external_id": "user-501", "address": "user501@example.test"}],
    "attempt": 0,
    "not_before": "2026-11-23T10:00:01Z",
    "crashes": 3,
    "last_crash": {
        "at": "2026-11-23T10:01:20Z",
        "host": "worker-1",
        "marked": 500,
        "message": None,
    },
}
BATCHES: dict[str, Any] = {"results": [BATCH], "next": None, "previous": None}
BATCH_MOVED: dict[str, Any] = {
    "status": "success",
    "message": "Batch released",
    **BATCH,
    "state": "open",
    "recipients": [],
    "crashes": 0,
}
