"""Which provider or sender of a type is used where none is named."""

from django.db import transaction

from common.authorship import Actor
from providers.models import Provider, Sender
from workspaces.audit import record


@transaction.atomic
def make_default(*, row: Provider | Sender, actor: Actor) -> None:
    """Takes the mark from the one that had it; the rows are locked in order, so that two callers wait in line."""
    same = type(row)._default_manager.filter(workspace_id=row.workspace_id, type=row.type)
    list(same.select_for_update().order_by("pk").values_list("pk", flat=True))
    same.filter(is_default=True).exclude(pk=row.pk).update(is_default=False)
    if same.filter(pk=row.pk, is_default=False).update(is_default=True):
        record(
            workspace_id=row.workspace_id,
            actor=actor,
            action="made default",
            object_type=str(row._meta.model_name),
            object_id=row.pk,
            object_name=str(row),
        )
