"""What a person may choose on the preferences page: by type, for every address of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from audiences.consents import resubscribe, unsubscribe
from audiences.models import Address, Consent, Suppression
from audiences.suppression_rows import UNSUBSCRIBED
from common.channels import Type
from common.deadlocks import retried


@dataclass(frozen=True, slots=True)
class Choice:
    """`blocked`: suppressed for another reason than unsubscribing, which no person can undo here."""

    type: str
    label: str
    shown: str
    subscribed: bool
    blocked: bool


def choices_of(*, contact_id: int) -> list[Choice]:
    """One per type that the contact has addresses of."""
    by_type: dict[str, list[Address]] = {}
    for address in Address.objects.filter(contact_id=contact_id).select_related("app").order_by("pk"):
        by_type.setdefault(address.type, []).append(address)
    return [_choice(kind, by_type[kind]) for kind in Type.values if kind in by_type]


def _choice(kind: str, addresses: Sequence[Address]) -> Choice:
    reasons = dict(
        Suppression.objects.filter(
            workspace_id=addresses[0].workspace_id, type=kind, value__in=[one.value for one in addresses]
        ).values_list("value", "reason")
    )
    free = [one for one in addresses if reasons.get(one.value, UNSUBSCRIBED) == UNSUBSCRIBED]
    return Choice(
        type=kind,
        label=Type(kind).label,
        shown=", ".join(dict.fromkeys(one.app.name if one.app else one.value for one in addresses)),
        subscribed=any(one.consent == Consent.SUBSCRIBED and one.value not in reasons for one in free),
        blocked=not free,
    )


@retried
def choose(*, contact_id: int, type: str, consent: str) -> None:
    """Subscribes or unsubscribes every address of the type."""
    ids = Address.objects.filter(contact_id=contact_id, type=type).order_by("pk").values_list("pk", flat=True)
    for address_id in ids:
        if consent == Consent.UNSUBSCRIBED:
            unsubscribe(address_id=address_id, contact_id=contact_id, source="preferences")
        else:
            resubscribe(address_id=address_id, contact_id=contact_id, source="preferences")
