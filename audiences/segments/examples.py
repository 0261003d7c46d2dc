"""Bodies for the API's description, as docs and clients show them."""

from typing import Any

from audiences import examples

RULE: dict[str, Any] = {
    "type": "and",
    "conditions": [
        {"type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro"},
        {"type": "event", "name": "order_placed", "operator": "did_not", "within": {"last": 30, "unit": "days"}},
    ],
}
SEGMENT: dict[str, Any] = {
    "segment_id": 7,
    "name": "Lapsed pros",
    "description": "",
    "rule": RULE,
    "event_properties": [],
    "created_at": "2026-11-23T10:00:00Z",
    "created_by": {"kind": "api_key", "name": "demo"},
    "updated_at": "2026-11-23T10:00:00Z",
    "url": "/api/v1/segments/7",
}
COUNT: dict[str, Any] = {"segment_id": 7, "count": 1204, "computed_at": "2026-11-23T10:00:00Z"}
WATCHERS: dict[str, Any] = {
    "type": "attribute",
    "name": "watched_skus",
    "value_type": "list",
    "operator": "has",
    "value": {"event": "sku"},
}
PREVIEW: dict[str, Any] = {
    "status": "success",
    "count": 1204,
    "sample": [examples.CONTACT],
    "computed_at": "2026-11-23T10:00:00Z",
}
