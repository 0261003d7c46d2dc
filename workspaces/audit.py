"""The audit trail: one function, called by every service inside the transaction of the change."""

from typing import Any

from common.authorship import Actor
from workspaces.models import AuditEntry

NAME_LENGTH = 200


def record(
    *,
    workspace_id: int,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: int,
    object_name: str,
    details: dict[str, Any] | None = None,
) -> None:
    """`action` is a past-tense word (`published`, `launched`); `details` holds what changed, never a secret."""
    AuditEntry.objects.create(
        workspace_id=workspace_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        object_type=object_type,
        object_id=object_id,
        object_name=object_name[:NAME_LENGTH],
        details=details or {},
    )
