"""Bodies for the API's description, as docs and clients show them."""

from typing import Any

_BY = {"kind": "api_key", "name": "demo"}

UPSERT: dict[str, Any] = {
    "list_ids": [42],
    "attributes_mode": "merge",
    "contacts": [
        {
            "external_id": "user-1",
            "locale": "pt-BR",
            "timezone": "America/Sao_Paulo",
            "attributes": {"first_name": "Ana", "old_plan": None},
            "addresses": [
                {
                    "type": "email",
                    "value": "ana@example.test",
                    "consent": "subscribed",
                    "consent_source": "checkout",
                    "consent_at": "2026-01-05T09:00:00Z",
                },
                {"type": "push", "app_id": "shop-android", "value": "fcm-token", "platform": "android"},
            ],
        },
        {"email": "b@example.test"},
        {"email": "nope"},
    ],
}
UPSERTED: dict[str, Any] = {
    "status": "success",
    "received": 3,
    "created": 1,
    "updated": 1,
    "unchanged": 0,
    "rejected_count": 1,
    "rejected": [
        {
            "index": 2,
            "field": "contacts[2].email",
            "code": "invalid_address",
            "message": '"nope" has no @.',
        }
    ],
}
CONTACT: dict[str, Any] = {
    "contact_id": 88231,
    "external_id": "user-1",
    "locale": "pt-BR",
    "timezone": "America/Sao_Paulo",
    "attributes": {"first_name": "Ana"},
    "addresses": [
        {
            "address_id": 90412,
            "type": "email",
            "app_id": None,
            "value": "ana@example.test",
            "platform": None,
            "state": "active",
            "consent": "subscribed",
            "consent_source": "checkout",
            "consent_at": "2026-01-05T09:00:00Z",
        }
    ],
    "temporary": False,
    "created_at": "2026-11-23T10:00:00Z",
    "updated_at": "2026-11-23T10:00:00Z",
    "url": "/api/v1/contacts/88231",
}
LIST: dict[str, Any] = {
    "list_id": 42,
    "name": "Newsletter",
    "description": "",
    "state": "open",
    "created_at": "2026-11-23T10:00:00Z",
    "created_by": _BY,
    "url": "/api/v1/lists/42",
}
MEMBERS: dict[str, Any] = {
    "status": "success",
    "message": "Contacts added successfully",
    "list_id": 42,
    "changed": 2,
    "unchanged": 0,
    "rejected_count": 1,
    "rejected": [{"field": "external_ids[1]", "code": "not_found", "value": "user-999"}],
}
SUPPRESS: dict[str, Any] = {"suppressions": [{"type": "email", "value": "left@example.test", "reason": "complaint"}]}
SUPPRESSED: dict[str, Any] = {
    "status": "success",
    "received": 1,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "rejected_count": 0,
    "rejected": [],
}
SUPPRESSION: dict[str, Any] = {
    "suppression_id": 5,
    "type": "email",
    "value": "left@example.test",
    "reason": "complaint",
    "source": "",
    "created_at": "2026-11-23T10:00:00Z",
    "other_reasons": [{"reason": "unsubscribed", "source": "link", "created_at": "2026-11-20T18:30:00Z"}],
    "url": "/api/v1/suppressions/5",
}


def page(one: dict[str, Any]) -> dict[str, Any]:
    return {"results": [one], "next": None, "previous": None}


CONSENTS: dict[str, Any] = {
    "contact_id": 88231,
    "addresses": [{**CONTACT["addresses"][0], "consent": "unsubscribed", "consent_source": "link"}],
    "results": [
        {
            "type": "email",
            "value": "ana@example.test",
            "from": {"consent": "subscribed", "source": "checkout", "at": "2026-01-05T09:00:00Z"},
            "to": {"consent": "unsubscribed", "source": "link", "at": "2026-11-20T18:30:00Z"},
            "way": "link",
            "recorded_at": "2026-11-20T18:30:00Z",
        }
    ],
    "next": None,
    "previous": None,
}
