"""The templates of the demo."""

from pathlib import Path
from typing import Any

EMAIL: dict[str, Any] = {
    "name": "Monthly update",
    "type": "email",
    "content": {
        "subject": "Hello {{ first_name }}",
        "html": Path(__file__).with_name("monthly_update.liquid").read_text("utf-8"),
        "text": (
            "Hello {{ first_name }} {{ last_name }},\n\n"
            "your nearest store in {{ city }} is {{ store }}.\n"
            "You are on the {{ plan }} plan with {{ points }} points.\n"
            "Use code {{ code }}: https://example.test/r/{{ code }}\n\n"
            "Account {{ account_no }}. Unsubscribe: {{ unsubscribe_url }}\n"
        ),
    },
}
PUSH: dict[str, Any] = {
    "name": "Offer of the day",
    "type": "push",
    "content": {
        "title": "Hello {{ first_name }}",
        "body": "{{ offer }} off in {{ city }} today, with code {{ code }}.",
        "link": "https://example.test/r/{{ code }}",
        "data": '{"screen": "offers", "code": "{{ code }}"}',
    },
    "defaults": {"offer": "10%"},
}
SAMPLE: dict[str, Any] = {
    "first_name": "Ana",
    "last_name": "Souza",
    "city": "São Paulo",
    "store": "Store <12>",
    "plan": "plus",
    "points": 1280,
    "code": "C000012",
    "account_no": "A000000012",
    "gold": True,
    "recommendations": ["sku1", "sku2", "sku3"],
}
