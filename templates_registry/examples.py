"""Bodies for the API's description."""

from typing import Any

ROW: dict[str, Any] = {
    "template_id": 18,
    "name": "Spring news",
    "type": "email",
    "purpose": "marketing",
    "template_version": 3,
    "variables": [{"name": "first_name", "required": True, "places": ["subject line 1", "html line 1"]}],
    "published_at": "2026-11-23T10:00:00Z",
    "url": "/api/v1/templates/18",
    "admin_url": "/admin/templates_registry/template/18/change/",
}
TEMPLATE: dict[str, Any] = {
    **ROW,
    "content": {
        "subject": "Hello {{ first_name }}",
        "html": '<p>Hello {{ first_name }}</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>',
        "text": "",
    },
    "defaults": {},
}
PAGE: dict[str, Any] = {"results": [ROW], "next": None, "previous": None}
PREVIEW: dict[str, Any] = {
    "template_id": 18,
    "template_version": 3,
    "external_id": "user-1",
    "content": {
        "subject": "Hello Name1",
        "html": '<p>Hello Name1</p><a href="https://volley.example/u/example">Unsubscribe</a>',
    },
    "missing_variables": [],
    "problems": [],
}
