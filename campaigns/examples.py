"""Bodies for the API's description, as `docs` and clients show them."""

from typing import Any

CREATE: dict[str, Any] = {
    "type": "push",
    "name": "Diwali sale",
    "app_ids": ["shop-android", "shop-ios"],
    "template_id": 17,
    "tags": ["Sale", "Brand"],
    "purpose": "marketing",
    "sender_id": None,
    "personalization": {"offer": "10%"},
    "once": False,
    "on_cap": "skip",
    "on_unknown": "hold",
    "trigger": None,
}
CREATE_TRIGGERED: dict[str, Any] = {
    "type": "email",
    "name": "Left in the cart",
    "template_id": 18,
    "trigger": {
        "event": "cart_updated",
        "where": [{"name": "total", "value_type": "number", "operator": "at_least", "value": 20}],
        "delay_seconds": 3600,
        "per_contact": {"window_seconds": 86_400},
        "cancel_on": {"event": "order_placed", "where": []},
    },
}
CREATE_FOR_BUSINESS: dict[str, Any] = {
    "type": "email",
    "name": "The price fell",
    "template_id": 19,
    "trigger": {"event": "price_dropped", "audience": {"type": "segment", "id": 7}},
}
_CAMPAIGN: dict[str, Any] = {
    "campaign_id": 10001,
    "state": "draft",
    **CREATE,
    "active": False,
    "warnings": [],
    "created_at": "2026-11-23T10:00:00Z",
    "created_by": {"kind": "api_key", "name": "demo"},
    "url": "/api/v1/campaigns/10001",
    "admin_url": "/admin/campaigns/campaign/10001/launch/",
}
CREATED: dict[str, Any] = {"status": "success", "message": "Campaign created successfully", **_CAMPAIGN}
CAMPAIGN: dict[str, Any] = {**_CAMPAIGN, "updated_at": "2026-11-23T10:00:00Z"}
CHANGED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign changed successfully",
    **CAMPAIGN,
    "tags": ["Sale"],
}
ARCHIVED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign archived successfully",
    **CAMPAIGN,
    "state": "archived",
}
PAGE: dict[str, Any] = {"results": [CAMPAIGN], "next": "/api/v1/campaigns?cursor=WzAsMTAwMDFd", "previous": None}
