"""What a person says about an address of theirs: unsubscribe, and subscribe again."""

from datetime import datetime

from django.db import connection, transaction

from audiences.models import Address, Consent, Suppression
from audiences.rights.consent_history import Changed, said_by, write_changes
from audiences.rights.models import Way
from audiences.rights.said import Said

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
    return _say(address, Consent.UNSUBSCRIBED, source) or suppressed


@transaction.atomic
def resubscribe(*, address_id: int, contact_id: int, source: str) -> bool:
    """The person's own change of mind: proof in itself. Suppressions for other reasons stay. False: nothing to do."""
    address = _locked(address_id, contact_id)
    if address is None:
        return False
    lifted, _ = Suppression.objects.filter(
        workspace_id=address.workspace_id, type=address.type, value=address.value, reason=UNSUBSCRIBED
    ).delete()
    return _say(address, Consent.SUBSCRIBED, source) or bool(lifted)


def _say(address: Address, consent: Consent, source: str) -> bool:
    """False where it was said before. The address is locked."""
    if address.consent == consent:
        return False
    before, after = said_by(address), Said(consent.value, source, _now())
    address.consent, address.consent_source, address.consent_at = after
    address.save(update_fields=["consent", "consent_source", "consent_at"])
    way = Way.PREFERENCES if source == Way.PREFERENCES else Way.LINK
    changed = Changed(address.contact_id, address.type, address.value, before, after)
    write_changes(workspace_id=address.workspace_id, changes=[changed], way=way)
    return True


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now


def _locked(address_id: int, contact_id: int) -> Address | None:
    return Address.objects.select_for_update(no_key=True).filter(pk=address_id, contact_id=contact_id).first()
