"""The end of temporary contacts: those that came in uploads which were not kept."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from audiences.contacts import forget_contacts
from audiences.models import Contact, ListMembership, UploadMembership


def forget_temporary(*, upload_id: int, contact_ids: Sequence[int]) -> list[int]:
    """Takes these members out of the upload, in the caller's transaction; answers who is deleted with it.

    That is whoever is temporary and in no other upload that still has its people. Who is in a list was kept by
    whoever put them there, and is temporary no more.
    """
    list(Contact.objects.filter(pk__in=contact_ids).order_by("pk").select_for_update().values_list("pk"))
    found = Contact.objects.filter(pk__in=contact_ids, temporary=True)
    found.filter(Exists(ListMembership.objects.filter(contact_id=OuterRef("pk")))).update(temporary=False)
    elsewhere = UploadMembership.objects.filter(contact_id=OuterRef("pk"), upload__purging_at=None)
    gone = sorted(found.filter(~Exists(elsewhere)).values_list("pk", flat=True))
    forget_contacts(gone)
    UploadMembership.objects.filter(upload_id=upload_id, contact_id__in=contact_ids).delete()
    return gone
