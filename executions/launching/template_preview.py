"""A published template rendered once, for a contact or for its sample; in the child process that has limits."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from audiences.models import Contact
from executions.delivery.content import contact_field
from executions.delivery.example_event import example_event_field
from templates_registry.liquid import Precedence
from templates_registry.models import Template
from templates_registry.review import review
from templates_registry.serializers import version_of


def preview_template(
    *, template: Template, contact: Contact | None, personalization: Mapping[str, Any]
) -> dict[str, Any]:
    """The wire shape. `content` is null where an error keeps it from being rendered."""
    version = version_of(template)
    levels = Precedence(
        defaults={**version.defaults, **({} if contact else template.sample)},
        reserved=_reserved(contact, template.sample),
    )
    seen = review(
        type=template.type,
        purpose=template.purpose,
        content=version.content,
        fields=levels.fields(contact.attributes if contact else {}, personalization),
    )
    return {
        "template_id": template.pk,
        "template_version": version.number,
        "external_id": contact.external_id if contact else None,
        "content": seen.content,
        "missing_variables": seen.missing,
        "problems": [problem.as_json() for problem in seen.problems],
    }


def _reserved(contact: Contact | None, sample: Mapping[str, Any]) -> dict[str, Any]:
    shown = contact_field(
        external_id=contact.external_id if contact else "user-1",
        locale=contact.locale if contact else "",
        timezone=contact.timezone if contact else "",
        attributes=contact.attributes if contact else {},
    )
    return {
        "unsubscribe_url": f"{settings.BASE_URL}/u/example",
        "preferences_url": f"{settings.BASE_URL}/preferences/example",
        "contact": shown,
        "campaign": {"name": "Preview", "tags": []},
        "event": example_event_field(sample),
    }
