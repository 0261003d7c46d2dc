"""Bodies for the API's description, as docs and clients show them."""

from typing import Any

EVENT: dict[str, Any] = {
    "name": "order_placed",
    "external_id": "user-1",
    "at": None,
    "message_id": "order-9001",
    "properties": {"total": 49.9, "currency": "EUR", "items": [{"sku": "A-1", "count": 2}]},
}
EVENTS: dict[str, Any] = {
    "create_missing": True,
    "events": [
        EVENT,
        {"name": "price_dropped", "properties": {"sku": "A-1", "price": 9.9}},
        {"name": "app_opened", "email": "nope"},
    ],
}
ACCEPTED: dict[str, Any] = {
    "status": "success",
    "received": 3,
    "accepted": 2,
    "duplicates": 0,
    "rejected_count": 1,
    "rejected": [
        {"index": 2, "field": "events[2].email", "code": "invalid_address", "message": '"nope" has no @.'},
    ],
}
READ: dict[str, Any] = {
    "event_id": 71003,
    "name": "order_placed",
    "source": "server",
    "contact_id": 88231,
    "external_id": "user-1",
    "anonymous_id": None,
    "app_id": None,
    "at": "2026-11-23T10:00:00Z",
    "received_at": "2026-11-23T10:00:00Z",
    "message_id": "order-9001",
    "properties": {"total": 49.9, "currency": "EUR", "items": [{"sku": "A-1", "count": 2}]},
    "context": None,
}
