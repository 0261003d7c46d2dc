"""The end of an upload: some days after its last use its file is deleted, and whoever came with it and is not kept.

It is decided under the lock of the upload's row, which a launch that names it shares; afterwards no launch takes it.
Ledger rows stay. What a person refused stays refused (`audiences.contacts.forget_contacts`).
"""

import logging
import random
from datetime import timedelta
from time import monotonic
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max, Min
from django.db.models.functions import Coalesce, Now

from audiences.models import Upload, UploadMembership, UploadState
from audiences.temporary import forget_temporary
from executions.launching.checks import database_time
from executions.models import FrequencyUse
from executions.retention.upload_use import awaited, use_of

BEGUN_AT_ONCE = 100
STEP_CONTACTS = 1_000
SLICE_SECONDS = 5.0
_AT_WORK = (UploadState.WAITING, UploadState.IMPORTING)
logger = logging.getLogger(__name__)


def tend_uploads(*, seconds: float = SLICE_SECONDS) -> bool:
    """Works for about so long; True when there is more to delete at once."""
    over = Upload.objects.filter(purging_at=None).exclude(state__in=_AT_WORK)
    over.filter(expires_at=None).update(expires_at=Coalesce("finished_at", "created_at") + _kept())
    until = monotonic() + seconds
    # At random: those in use are due each time, and would be all that is ever looked at where they are many.
    due = over.filter(expires_at__lte=Now()).order_by("?").values_list("pk", flat=True)
    for place, upload_id in enumerate(list(due)):
        if place >= BEGUN_AT_ONCE and monotonic() >= until:
            break
        _begin(upload_id)
    return _purge(monotonic() + seconds)


def _kept() -> timedelta:
    return timedelta(days=settings.UPLOAD_RETENTION_DAYS)


@transaction.atomic
def _begin(upload_id: int) -> None:
    """Unless it is in use, or was until lately: then it has longer. One that nobody started is over with that."""
    upload = Upload.objects.select_for_update().exclude(state__in=_AT_WORK).filter(pk=upload_id).first()
    if upload is None:
        return
    use = use_of(upload_id=upload.pk, workspace_id=upload.workspace_id)
    ended_at = upload.finished_at or upload.created_at
    upload.expires_at = None if use.live else max(ended_at, use.ended_at or ended_at) + _kept()
    if upload.expires_at is not None and upload.expires_at <= database_time():
        upload.purging_at = database_time()
        upload.state = UploadState.CANCELLED if upload.state == UploadState.MAPPING else upload.state
    upload.save(update_fields=["expires_at", "purging_at", "state"])


def _purge(until: float) -> bool:
    """Whoever an execution may still send to waits for the next time; where nobody else was seen, so do we."""
    seen = gone = 0
    for upload in Upload.objects.filter(purging_at__isnull=False, purged_at=None).order_by("?")[:BEGUN_AT_ONCE]:
        _delete_files(upload)
        for stretch in () if upload.keep else stretches(upload):
            after: int | None = stretch.after
            while after is not None:
                if monotonic() >= until:
                    return gone > 0 or not seen
                step = _forget_some(upload, after, stretch.last)
                after, seen, gone = step.last, seen + step.seen, gone + step.left
        _finish(upload)
    return False


class Stretch(NamedTuple):
    """Contacts with after < id ≤ last; None for no limit."""

    after: int
    last: int | None


def stretches(upload: Upload) -> list[Stretch]:
    """All of its people, from a place at random on: those who wait, each time, would else be all that is looked at."""
    ends = UploadMembership.objects.filter(upload=upload).aggregate(first=Min("contact_id"), last=Max("contact_id"))
    if ends["first"] is None:
        return []
    begin = random.randint(ends["first"] - 1, ends["last"] - 1)  # noqa: S311 - keeps no secret
    return [Stretch(begin, None), Stretch(0, begin)]


class _Step(NamedTuple):
    """The last contact looked at, None after all of them; how many were looked at, and how many left the upload."""

    last: int | None
    seen: int
    left: int


def _delete_files(upload: Upload) -> None:
    """First, as it can be done twice."""
    for name in (upload.file.name, upload.rejected_file.name):
        if name:
            default_storage.delete(name)
    Upload.objects.filter(pk=upload.pk).update(file="", rejected_file="")


@transaction.atomic
def _forget_some(upload: Upload, after: int, last: int | None) -> _Step:
    members = UploadMembership.objects.filter(upload=upload, contact_id__gt=after).order_by("contact_id")
    members = members if last is None else members.filter(contact_id__lte=last)
    page = list(members.values_list("contact_id", flat=True)[:STEP_CONTACTS])
    if not page:
        return _Step(None, 0, 0)
    waiting = awaited(workspace_id=upload.workspace_id, contact_ids=page)
    leaving = [contact_id for contact_id in page if contact_id not in waiting]
    gone = forget_temporary(upload_id=upload.pk, contact_ids=leaving)
    FrequencyUse.objects.filter(workspace_id=upload.workspace_id, contact_id__in=gone).delete()
    return _Step(page[-1], len(page), len(leaving))


def _finish(upload: Upload) -> None:
    if upload.keep or not UploadMembership.objects.filter(upload=upload).exists():
        Upload.objects.filter(pk=upload.pk, purged_at=None).update(purged_at=Now())
        logger.info("upload %s was deleted: it was last used more than %s ago", upload.pk, _kept())
