"""What a person says about an address of theirs: unsubscribe, and subscribe again."""

from django.db import transaction
from django.db.models.functions import Now

from audiences.models import Address, Consent, Suppression

UNSUBSCRIBED = "unsubscribed"


@transaction.atomic
def unsubscribe(*, address_id: int, contact_id: int, source: str) -> bool:
    """Ends the consent and suppresses the value, whoever has it, for every send that is not yet under way.

    False when it was so already, or when the address is gone. `source` says by what way: `link`, `one_click`.
    """
    address = _locked(address_id, contact_id)
    if address is None:
        return False
    _, suppressed = Suppression.objects.get_or_create(
        workspace_id=address.workspace_id,
        type=address.type,
        value=address.value,
        defaults={"reason": UNSUBSCRIBED, "source": source},
    )
    left = (
        Address.objects.filter(pk=address_id)
        .exclude(consent=Consent.UNSUBSCRIBED)
        .update(consent=Consent.UNSUBSCRIBED, consent_source=source, consent_at=Now())
    )
    return bool(left) or suppressed


@transaction.atomic
def resubscribe(*, address_id: int, contact_id: int, source: str) -> bool:
    """The person's own change of mind: proof in itself. Suppressions for other reasons stay. False: nothing to do."""
    address = _locked(address_id, contact_id)
    if address is None:
        return False
    lifted, _ = Suppression.objects.filter(
        workspace_id=address.workspace_id, type=address.type, value=address.value, reason=UNSUBSCRIBED
    ).delete()
    back = Address.objects.filter(pk=address_id, consent=Consent.UNSUBSCRIBED).update(
        consent=Consent.SUBSCRIBED, consent_source=source, consent_at=Now()
    )
    return bool(lifted or back)


def _locked(address_id: int, contact_id: int) -> Address | None:
    return Address.objects.select_for_update(no_key=True).filter(pk=address_id, contact_id=contact_id).first()
