"""Erases a person: one function, in one transaction, for the API and the admin."""

import time
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from psycopg import errors

from audiences.rights import erased
from audiences.rights.erasing import Subject, find_subject, forget, past_erasure
from audiences.rights.models import Erasure
from common.authorship import Actor
from common.errors import Conflict, NotFound
from executions.rights.scrubbing import scrub, scrub_late
from workspaces import audit

_TRIES = 20
_PAUSE_SECONDS = 0.25
# Under PostgreSQL's deadlock_timeout of a second: whoever works on the person's rows is never the victim, erasing
# lets go and begins anew.
_PATIENCE = "300ms"
LATE = timedelta(minutes=15)


def erase_person(*, workspace_id: int, subject: Subject, actor: Actor) -> Erasure:
    """Asking again answers the same. Raises `NotFound` for a contact or external id that the workspace never had, and
    `Conflict` where the person's rows are held by others for all of ten seconds.

    An address that nobody has is kept from coming in all the same.
    """
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _erase(workspace_id, subject, actor)
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
        time.sleep(_PAUSE_SECONDS)
    raise Conflict("An import or a launch is writing to this person. Nothing was erased; ask again in a minute.")


def _erase(workspace_id: int, subject: Subject, actor: Actor) -> Erasure:
    erased.take_lock(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
    found = find_subject(workspace_id=workspace_id, subject=subject)
    if not found.contact_ids:
        past = past_erasure(workspace_id=workspace_id, subject=subject)
        if past is not None:
            return past
        if subject.address is None:
            raise NotFound("This workspace has no such contact.")
    scrub(workspace_id=workspace_id, contact_ids=found.contact_ids, values=found.values)
    erasure = forget(workspace_id=workspace_id, found=found, actor=actor)
    audit.record(
        workspace_id=workspace_id,
        actor=actor,
        action="erased",
        object_type="contact",
        object_id=found.contact_ids[0] if found.contact_ids else 0,
        object_name=f"erasure {erasure.pk}",
        details={"contacts": len(found.contact_ids), "addresses": erasure.addresses, "events": erasure.events},
    )
    return erasure


def scrub_what_came_late(limit: int = 20) -> int:
    """For the sweep: a quarter of an hour after an erasure, what was in flight then is written, and is taken out."""
    waiting = Erasure.objects.filter(swept_at=None, created_at__lt=Now() - LATE).order_by("pk")[:limit]
    for erasure in waiting:
        with transaction.atomic():
            scrub_late(workspace_id=erasure.workspace_id, contact_ids=erasure.contact_ids, erased_at=erasure.created_at)
            Erasure.objects.filter(pk=erasure.pk).update(swept_at=Now())
    return len(waiting)
