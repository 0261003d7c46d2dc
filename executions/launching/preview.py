"""A campaign's message as one contact would get it with this launch's personalization; rendered under limits."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from audiences.models import Address, Contact
from campaigns.models import Campaign
from campaigns.selectors import tags_of
from executions.delivery.content import contact_field
from executions.delivery.example_event import example_event_field
from templates_registry.liquid import Precedence
from templates_registry.review import review


def find_contact(*, workspace_id: int, wanted: str, type: str) -> Contact | None:
    """By external id, else by an address of the type."""
    wanted = wanted.strip()[:2000]
    if not wanted or "\0" in wanted:
        return None
    known = Contact.objects.filter(workspace_id=workspace_id, external_id=wanted).first()
    if known is not None:
        return known
    found = Address.objects.filter(workspace_id=workspace_id, type=type, value__in={wanted, wanted.lower()})
    address = found.select_related("contact").order_by("pk").first()
    return address.contact if address else None


def preview_launch(
    *, campaign: Campaign, contact: Contact | None, personalization: Mapping[str, Any]
) -> dict[str, Any]:
    """`content` is null without a published template, or where an error keeps it from being rendered."""
    template = campaign.template
    version = template.published if template else None
    if template is None or version is None:
        return {"content": None, "missing": [], "problems": []}
    levels = Precedence(
        defaults={**version.defaults, **({} if contact else template.sample)},
        campaign=campaign.personalization,
        execution=personalization,
        reserved=_reserved(campaign, contact, template.sample),
    )
    seen = review(
        type=template.type,
        purpose=campaign.purpose,
        content=version.content,
        fields=levels.fields(contact.attributes if contact else {}),
    )
    return {
        "content": seen.content,
        "missing": seen.missing,
        "problems": [problem.as_json() for problem in seen.problems],
    }


def _reserved(campaign: Campaign, contact: Contact | None, sample: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "unsubscribe_url": f"{settings.BASE_URL}/u/example",
        "preferences_url": f"{settings.BASE_URL}/preferences/example",
        "contact": contact_field(
            external_id=contact.external_id if contact else "user-1",
            locale=contact.locale if contact else "",
            timezone=contact.timezone if contact else "",
            attributes=contact.attributes if contact else {},
        ),
        "campaign": {"name": campaign.name, "tags": tags_of([campaign]).get(campaign.pk, [])},
        "event": example_event_field(sample, campaign_id=campaign.pk),
    }
