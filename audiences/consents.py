"""What a person says about an address of theirs: unsubscribe, and subscribe again."""

from datetime import datetime

from django.db import connection
from django.db.models import Q

from audiences.models import Address, Consent, Suppression
from audiences.rights.consent_history import Changed, said_by, write_changes
from audiences.rights.erased import ERASED, known, share_lock
from audiences.rights.models import Way
from audiences.rights.said import Said
from audiences.suppressing import lift_unsubscribing, suppress
from audiences.suppression_rows import UNSUBSCRIBED, SuppressionRow
from common.deadlocks import retried
from workspaces.models import Workspace

# By which a person speaks for themselves: said again, it is the same.
_OWN_WORDS = ("link", "one_click", "preferences")


@retried
def unsubscribe(*, address_id: int, contact_id: int, source: str) -> bool | None:
    """Ends the consent and suppresses the value, whoever has it, for every send that is not yet under way.

    False when it was so already, None when the address is gone. `source` says by what way: `link`, `one_click`.
    """
    address = _locked(address_id, contact_id)
    if address is None:
        return None
    now = _now()
    said = _say(address, Said(Consent.UNSUBSCRIBED.value, source, now))
    return _suppress(address.workspace_id, address.type, address.value, source, now) or said


@retried
def unsubscribe_value(*, workspace_id: int, type: str, value: str, source: str) -> bool:
    """The same of an address that was deleted after it was sent to, and may be another contact's by now.

    False when it was so already, also by a hash alone.
    """
    if not Workspace.objects.filter(pk=workspace_id).exists():
        return False
    share_lock(workspace_id)
    now = _now()
    holders = Address.objects.filter(workspace_id=workspace_id, type=type, value=value, consent=Consent.SUBSCRIBED)
    for address in holders.order_by("pk").select_for_update(no_key=True):
        _say(address, Said(Consent.UNSUBSCRIBED.value, source, now))
    if known(workspace_id, [(type, value)]):
        return False
    return _suppress(workspace_id, type, value, source, now)


def has_unsubscribed(*, workspace_id: int, type: str, value: str) -> bool:
    """Whoever has or had the value; also who was erased."""
    said = Q(reason__in=[UNSUBSCRIBED, ERASED]) | Q(other_reasons__contains=[{"reason": UNSUBSCRIBED}])
    held = Suppression.objects.filter(said, workspace_id=workspace_id, type=type, value=value)
    return held.exists() or bool(known(workspace_id, [(type, value)]))


@retried
def resubscribe(*, address_id: int, contact_id: int, source: str) -> bool:
    """The person's own change of mind: proof in itself. Suppressions for other reasons stay. False: nothing to do."""
    address = _locked(address_id, contact_id)
    if address is None:
        return False
    now = _now()
    lifted = lift_unsubscribing(address.workspace_id, {(address.type, address.value): now})
    return _say(address, Said(Consent.SUBSCRIBED.value, source, now)) or lifted


def _suppress(workspace_id: int, type: str, value: str, source: str, now: datetime) -> bool:
    """Whether nobody had unsubscribed the value before. If somebody had, it is later now."""
    written = suppress(workspace_id, [SuppressionRow(type, value, UNSUBSCRIBED, source, now)])
    return bool(written.created)


def _say(address: Address, said: Said) -> bool:
    """False where it was said before. The address is locked."""
    before = said_by(address)
    if before.consent == said.consent and (said.consent == Consent.SUBSCRIBED or before.source in _OWN_WORDS):
        # Clicked again: as late as that, and the same.
        Address.objects.filter(pk=address.pk, consent=Consent.UNSUBSCRIBED).update(consent_at=said.at)
        return False
    address.consent, address.consent_source, address.consent_at = said
    address.save(update_fields=["consent", "consent_source", "consent_at"])
    way = Way.PREFERENCES if said.source == Way.PREFERENCES else Way.LINK
    changed = Changed(address.contact_id, address.type, address.value, before, said)
    write_changes(workspace_id=address.workspace_id, changes=[changed], way=way)
    return before.consent != said.consent


def _now() -> datetime:
    """Of the statement, which comes after whatever was waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


def _locked(address_id: int, contact_id: int) -> Address | None:
    return Address.objects.select_for_update(no_key=True).filter(pk=address_id, contact_id=contact_id).first()
