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
}
_CAMPAIGN: dict[str, Any] = {
    "campaign_id": 10001,
    "state": "draft",
    **CREATE,
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
