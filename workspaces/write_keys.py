"""Write keys: public names of an app, with which SDKs send events in. They open nothing else."""

import re
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from common.authorship import Actor, authored_by
from common.errors import FieldError, Invalid, NotFound
from workspaces import audit
from workspaces.models import App, WriteKey

NAME_LENGTH = 100
LAST_USED_EVERY = timedelta(minutes=1)
_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@transaction.atomic
def create_write_key(*, app: App, actor: Actor, name: str = "") -> WriteKey:
    """Raises `Invalid` for a name that is too long."""
    if len(name.strip()) > NAME_LENGTH:
        message = f"A name has at most {NAME_LENGTH} characters."
        raise Invalid([FieldError("name", "too_long", message, name[:200], NAME_LENGTH)], detail="No key was made.")
    key = WriteKey.objects.create(workspace_id=app.workspace_id, app=app, name=name.strip(), **authored_by(actor))
    _record(key, actor, "created")
    return key


@transaction.atomic
def revoke_write_key(*, key_id: int, workspace_id: int, actor: Actor) -> bool:
    """False when it was revoked before; raises `NotFound` outside the workspace."""
    key = WriteKey.objects.select_related("app").filter(pk=key_id, workspace_id=workspace_id).first()
    if key is None:
        raise NotFound("This workspace has no such write key.")
    if not WriteKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=Now()):
        return False
    _record(key, actor, "revoked")
    return True


def find_write_key(plain: str) -> WriteKey | None:
    """The key that is open, with its app; None for anything else, revoked ones included."""
    if not _FORM.match(plain):
        return None
    return WriteKey.objects.select_related("app").filter(key=plain, revoked_at=None).first()


def touch_write_key(key: WriteKey) -> None:
    """Remembers the use at most once a minute: a hot key must not become a hot row."""
    if key.last_used_at is not None and key.last_used_at > timezone.now() - LAST_USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=Now() - LAST_USED_EVERY)
    WriteKey.objects.filter(stale, pk=key.pk).update(last_used_at=Now())


def _record(key: WriteKey, actor: Actor, action: str) -> None:
    audit.record(
        workspace_id=key.workspace_id,
        actor=actor,
        action=action,
        object_type="write_key",
        object_id=key.pk,
        object_name=str(key),
    )
