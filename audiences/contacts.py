"""What can be done to contacts, beside the upsert."""

from django.db import transaction

from audiences.models import Address, Contact, ListMembership, UploadMembership
from common.authorship import Actor
from common.errors import NotFound
from workspaces import audit


@transaction.atomic
def delete_contact(*, contact_id: int, workspace_id: int, actor: Actor) -> None:
    """Forgets a person. Ledger rows stay and name an id that leads nowhere; suppressions stay, as they must.

    Raises `NotFound` outside the workspace.
    """
    contact = Contact.objects.select_for_update().filter(pk=contact_id, workspace_id=workspace_id).first()
    if contact is None:
        raise NotFound("This workspace has no such contact.")
    for owned in (Address, ListMembership, UploadMembership):
        owned.objects.filter(contact_id=contact_id).delete()
    audit.record(
        workspace_id=workspace_id,
        actor=actor,
        action="deleted",
        object_type="contact",
        object_id=contact_id,
        object_name=str(contact),
    )
    contact.delete()
