"""What can be done to contacts, beside the upsert."""

from collections.abc import Sequence

from audiences.models import (
    Address,
    AddressState,
    ConsentChange,
    Contact,
    Event,
    ListMembership,
    UploadMembership,
)
from audiences.rights.consent_history import keep_refusals
from common.authorship import Actor
from common.channels import Type
from common.deadlocks import retried
from common.errors import NotFound
from workspaces import audit


@retried
def delete_contact(*, contact_id: int, workspace_id: int, actor: Actor) -> None:
    """Forgets a person, and what they did. Ledger rows stay and name an id that leads nowhere.

    Suppressions stay, as they must, and a refusal becomes one: whoever comes back with the next import has still
    unsubscribed. `executions.rights.erasing` forgets more. Raises `NotFound` outside the workspace.
    """
    contact = Contact.objects.select_for_update().filter(pk=contact_id, workspace_id=workspace_id).first()
    if contact is None:
        raise NotFound("This workspace has no such contact.")
    audit.record(
        workspace_id=workspace_id,
        actor=actor,
        action="deleted",
        object_type="contact",
        object_id=contact_id,
        object_name=str(contact),
    )
    forget_contacts([contact_id])


def forget_contacts(contact_ids: Sequence[int]) -> None:
    """In the caller's transaction, which has locked them."""
    keep_refusals(contact_ids=contact_ids)
    for owned in (Address, ConsentChange, Event, ListMembership, UploadMembership):
        owned.objects.filter(contact_id__in=contact_ids).delete()
    Contact.objects.filter(pk__in=contact_ids).delete()


def mark_invalid(*, workspace_id: int, external_id: str) -> int:
    """Marks the contact's active email addresses as no addresses: they are skipped from now on. Returns how many."""
    return Address.objects.filter(
        workspace_id=workspace_id, contact__external_id=external_id, type=Type.EMAIL, state=AddressState.ACTIVE
    ).update(state=AddressState.INVALID)
