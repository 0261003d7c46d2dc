"""Bodies for the API's description, as `docs` and clients show them."""

from typing import Any

EXECUTE_ON_A_CLOCK: dict[str, Any] = {
    "audience": {"type": "list", "id": 42},
    "schedule": {"at": "2026-12-24T10:00", "timezone": "Europe/Berlin"},
    "cut_off": {"at": "2026-12-24T21:00"},
}
EXECUTE_LOCALLY: dict[str, Any] = {
    "audience": {"type": "list", "id": 42},
    "schedule": {"at": "2026-12-24T10:00", "timezone": "recipient", "when_past": "next_day"},
    "cut_off": {"local_time": "21:00"},
}
EXECUTE_AGAIN_AND_AGAIN: dict[str, Any] = {
    "audience": {"type": "segment", "id": 7},
    "schedule": {
        "rrule": "FREQ=WEEKLY;BYDAY=MO,TH",
        "at": "2026-12-24T10:00",
        "timezone": "Europe/Berlin",
        "until": "2027-06-30",
        "exceptions": ["2026-12-28"],
    },
    "cut_off": {"after_seconds": 28800},
}
SCHEDULE: dict[str, Any] = {
    "schedule_id": 7001,
    "campaign_id": 10002,
    "campaign_name": "Spring news",
    "state": "active",
    "state_reason": None,
    "rrule": "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270630T235959",
    "at": "2026-12-24T10:00",
    "timezone": "Europe/Berlin",
    "when_past": None,
    "ends": "2027-06-30T23:59:59",
    "exceptions": ["2026-12-28"],
    "cut_off": {"after_seconds": 28800},
    "next_runs": [
        {"at": "2026-12-24T10:00", "starts_at": "2026-12-24T09:00:00Z"},
        {"at": "2026-12-31T10:00", "starts_at": "2026-12-31T09:00:00Z"},
    ],
    "runs": 0,
    "missed": 0,
    "failures": 0,
    "last_run_at": None,
    "audience": {"type": "segment", "id": 7},
    "frequency_capping": True,
    "rate_per_minute": None,
    "personalization": {},
    "actions": ["pause", "cancel"],
    "created_by": {"kind": "api_key", "name": "demo"},
    "created_at": "2026-11-23T10:00:00Z",
    "ended_at": None,
    "url": "/api/v1/schedules/7001",
    "admin_url": "/admin/executions/schedule/7001/runs/",
}
RECURRING: dict[str, Any] = {
    "status": "success",
    "message": "Campaign scheduled to recur",
    "execution_id": None,
    **SCHEDULE,
}
MOVED: dict[str, Any] = {
    "status": "success",
    "message": "Schedule paused",
    **SCHEDULE,
    "state": "paused",
    "state_reason": {"code": "paused", "message": "Paused by demo.", "at": "2026-11-23T10:00:00Z"},
    "actions": ["resume", "cancel"],
}
_LISTED: dict[str, Any] = {**SCHEDULE, "next_runs": SCHEDULE["next_runs"][:1]}
PAGE: dict[str, Any] = {"results": [_LISTED], "next": None, "previous": None}
