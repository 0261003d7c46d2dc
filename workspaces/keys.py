"""API keys: made once, shown once, kept as a prefix and a hash."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from common.authorship import Actor, authored_by
from common.errors import FieldError, Invalid, NotFound
from workspaces import audit
from workspaces.models import ApiKey, Workspace
from workspaces.roles import Scope

PREFIX_BYTES = 6
_FORM = re.compile(r"vk_([0-9a-f]{12})_[A-Za-z0-9_-]{20,100}\Z")


@dataclass(frozen=True, slots=True)
class NewKey:
    """`plain` is seen here and never again."""

    key: ApiKey
    plain: str


def hash_key(plain: str) -> str:
    """SHA-256 is enough: a key carries 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(plain.encode()).hexdigest()


def prefix_of(plain: str) -> str | None:
    """None for text that can't be a key of ours."""
    found = _FORM.match(plain)
    return found[1] if found else None


@transaction.atomic
def create_api_key(
    *, workspace: Workspace, name: str, scopes: Sequence[str], actor: Actor, expires_at: datetime | None = None
) -> NewKey:
    """Raises `Invalid` for an empty name, for scopes that do not exist, and for a key that would open nothing."""
    _refuse_wrong(name=name, scopes=scopes, expires_at=expires_at)
    prefix = secrets.token_hex(PREFIX_BYTES)
    plain = f"vk_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        workspace=workspace,
        name=name.strip(),
        prefix=prefix,
        hash=hash_key(plain),
        scopes=list(dict.fromkeys(scopes)),
        expires_at=expires_at,
        **authored_by(actor),
    )
    _record(key, actor, "created", {"scopes": key.scopes})
    return NewKey(key, plain)


@transaction.atomic
def revoke_api_key(*, key_id: int, workspace_id: int, actor: Actor) -> bool:
    """False when it was revoked before; raises `NotFound` outside the workspace."""
    key = ApiKey.objects.filter(pk=key_id, workspace_id=workspace_id).first()
    if key is None:
        raise NotFound("This workspace has no such API key.")
    if not ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=Now()):
        return False
    _record(key, actor, "revoked", {})
    return True


def _refuse_wrong(*, name: str, scopes: Sequence[str], expires_at: datetime | None) -> None:
    errors = []
    if not 1 <= len(name.strip()) <= 100:
        errors.append(FieldError("name", "required", "A key has a name of 1 to 100 characters.", name[:200], 100))
    for index, scope in enumerate(scopes):
        if scope not in Scope.values:
            hint = f"One of: {', '.join(Scope.values)}."
            errors.append(
                FieldError(f"scopes[{index}]", "unknown_choice", "There is no such scope.", scope, None, hint)
            )
    if not scopes:
        errors.append(FieldError("scopes", "required", "A key has at least one scope."))
    if expires_at is not None and expires_at <= timezone.now():
        hint = "Leave it out for a key that does not expire."
        errors.append(FieldError("expires_at", "in_the_past", "The time is past.", expires_at.isoformat(), None, hint))
    if errors:
        raise Invalid(errors, detail="No key was made.")


def _record(key: ApiKey, actor: Actor, action: str, details: dict[str, object]) -> None:
    audit.record(
        workspace_id=key.workspace_id,
        actor=actor,
        action=action,
        object_type="api_key",
        object_id=key.pk,
        object_name=str(key),
        details=details,
    )
