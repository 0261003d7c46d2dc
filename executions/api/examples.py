"""Bodies for the API's description, as `docs` and clients show them."""

from typing import Any

EXECUTE: dict[str, Any] = {
    "audience": {"type": "list", "id": 42, "exclude": []},
    "frequency_capping": True,
    "personalization": {"offer": "20%"},
    "scheduled_for": None,
    "rate_per_minute": None,
    "strict": False,
    "dry_run": False,
}
EXECUTE_INLINE: dict[str, Any] = {
    "audience": {
        "type": "contacts",
        "create_missing": True,
        "contacts": [
            {"external_id": "user-1", "personalization": {"coupon": "A1"}},
            {
                "email": "ana@example.test",
                "attributes": {"first_name": "Ana"},
                "personalization": {"coupon": "B2"},
            },
            {"email": "not-an-address"},
        ],
    }
}
EXECUTED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign accepted for delivery",
    "campaign_id": 10002,
    "execution_id": 50001,
    "state": "planning",
    "scheduled_for": None,
    "schedule": None,
    "cut_off": None,
    "audience": {
        "size": None,
        "accepted": 2,
        "duplicates": 0,
        "rejected_count": 1,
        "rejected": [
            {"index": 2, "field": "email", "code": "invalid_address", "message": '"not-an-address" has no @.'}
        ],
    },
    "url": "/api/v1/executions/50001",
    "admin_url": "/admin/executions/execution/50001/live/",
}
DRY_RUN: dict[str, Any] = {
    "status": "success",
    "dry_run": True,
    "campaign_id": 10002,
    "template_id": 18,
    "template_version": 3,
    "exact": True,
    "computed_at": "2026-11-23T10:00:00Z",
    "audience": {
        "contacts": 10005,
        "size": 10006,
        "excluded": 12,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
    },
    "would_send": 9990,
    "waiting": {},
    "schedule": None,
    "cut_off": None,
    "skipped": {
        "unreachable": 3,
        "unsubscribed": 1,
        "duplicate_address": 1,
        "missing_variable": 9,
        "frequency_cap": 2,
    },
    "missing_variables": [{"name": "first_name", "count": 9}],
    "frequency_caps": [{"rule_id": 1, "rule": "2 email in 24 h", "count": 2}],
    "samples": [
        {
            "external_id": "user-1",
            "address": "user1@example.test",
            "content": {"subject": "Hello Name1", "html": "<p>…</p>", "text": "…"},
        }
    ],
    "problems": [{"level": "warn", "code": "link_not_https", "message": "1 link is not https."}],
}
TEST: dict[str, Any] = {"addresses": ["me@example.test"], "external_id": "user-1", "personalization": {"offer": "20%"}}
TESTED: dict[str, Any] = {
    "status": "success",
    "message": "Test sent",
    "campaign_id": 10002,
    "results": [{"address": "me@example.test", "ok": True, "message": "Handed over: 250 2.0.0 Ok: queued"}],
}
EXECUTION: dict[str, Any] = {
    "execution_id": 50001,
    "campaign_id": 10002,
    "campaign_name": "Spring news",
    "type": "email",
    "state": "running",
    "state_reason": {
        "code": "provider_unavailable",
        "message": "relay: connection refused",
        "retry_at": "2026-11-23T10:00:20Z",
    },
    "template_id": 18,
    "template_version": 3,
    "audience": {"type": "list", "id": 42, "exclude": []},
    "frequency_capping": True,
    "rate_per_minute": None,
    "personalization": {"offer": "20%"},
    "trigger": None,
    "retry_of": None,
    "retried_by": None,
    "size": 10006,
    "counts": {"sent": 6000, "skipped": 14, "failed": 1, "unknown": 0, "pending": 3991},
    "reasons": {
        "skipped": {"missing_variable": 9, "unreachable": 3, "frequency_cap": 2},
        "failed": {"rejected": 1},
        "pending": {"ready": 3900, "retry": 91},
    },
    "waiting": [],
    "receipts": {"delivered": 0, "opened": 0, "clicked": 0, "bounced": 0, "complained": 0, "unsubscribed": 0},
    "progress": 0.6,
    "rate_per_second": 0.0,
    "eta_seconds": None,
    "actions": ["pause", "cancel"],
    "created_by": {"kind": "api_key", "name": "demo"},
    "created_at": "2026-11-23T10:00:00Z",
    "scheduled_for": None,
    "schedule": None,
    "schedule_id": None,
    "cut_off": None,
    "started_at": "2026-11-23T10:00:01Z",
    "finished_at": None,
}
MOVED: dict[str, Any] = {
    "status": "success",
    "message": "Execution paused",
    **EXECUTION,
    "state": "paused",
    "actions": ["resume", "cancel"],
}
PAGE: dict[str, Any] = {"results": [EXECUTION], "next": "/api/v1/executions?cursor=WzAsNTAwMDFd", "previous": None}
DELIVERY: dict[str, Any] = {
    "delivery_id": "50001-88231-90412",
    "execution_id": 50001,
    "campaign_id": 10002,
    "external_id": "user-1",
    "type": "email",
    "app_id": None,
    "address": "user1@example.test",
    "outcome": "sent",
    "reason": None,
    "detail": None,
    "template_version": 3,
    "variant": None,
    "attempts": 1,
    "provider": "relay",
    "provider_message_id": "50001-88231-90412@example.test",
    "provider_response": "250 2.0.0 Ok: queued",
    "sent_at": "2026-11-23T10:00:02Z",
    "recorded_at": "2026-11-23T10:00:02Z",
    "receipts": [{"kind": "delivered", "at": "2026-11-23T10:00:04Z", "data": {}}],
}
DELIVERIES: dict[str, Any] = {
    "results": [DELIVERY],
    "next": "/api/v1/executions/50001/deliveries?cursor=WzAsODgyMzEsOTA0MTJd",
    "previous": None,
}
COMPATIBLE_CREATE: dict[str, Any] = {
    "type": "apn",
    "app_ids": ["shop-android", "shop-ios"],
    "name": "Diwali sale",
    "template_id": "17",
    "tags": ["Sale"],
}
COMPATIBLE_CREATED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign created successfully",
    "campaign_id": 10001,
}
COMPATIBLE_EXECUTE: dict[str, Any] = {
    "type": "apn",
    "campaign_id": "10001",
    "data_source": "list",
    "list_id": "42",
    "frequency_capping": True,
    "personalization": {"offer": "20%"},
}
COMPATIBLE_EXECUTED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign executed successfully",
    "campaign_id": 10001,
    "execution_id": 50001,
}
