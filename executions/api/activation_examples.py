"""Bodies for the API's description, as docs and clients show them."""

from typing import Any

from campaigns.examples import CREATE_TRIGGERED

ACTIVATE: dict[str, Any] = {"frequency_capping": True, "personalization": {"offer": "10%"}, "rate_per_minute": None}
DEACTIVATE: dict[str, Any] = {"drop_waiting": True}
ACTIVATION: dict[str, Any] = {
    "campaign_id": 10003,
    "active": True,
    "state_reason": None,
    "activation_id": 31,
    "activated_at": "2026-11-23T10:00:00Z",
    "activated_by": {"kind": "api_key", "name": "demo"},
    "deactivated_at": None,
    "trigger": {**CREATE_TRIGGERED["trigger"], "audience": None},
    "template_id": 18,
    "template_version": 3,
    "frequency_capping": True,
    "personalization": {"offer": "10%"},
    "rate_per_minute": None,
    "waiting": 12,
    "counts": {"launched": 340, "cancelled": 95, "repeated": 41},
    "url": "/api/v1/campaigns/10003/activation",
    "admin_url": "/admin/campaigns/campaign/10003/activate/",
}
ACTIVATED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign activated successfully",
    **ACTIVATION,
    "waiting": 0,
    "counts": {},
}
DEACTIVATED: dict[str, Any] = {
    "status": "success",
    "message": "Campaign deactivated successfully",
    **ACTIVATION,
    "active": False,
    "deactivated_at": "2026-11-24T10:00:00Z",
}
