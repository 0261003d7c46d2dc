"""Reads executions. Every queryset is scoped to a workspace."""

from django.db.models import QuerySet

from campaigns.models import Tag
from common.errors import NotFound
from executions.models import Execution
from executions.states import State


def executions_of(
    *,
    workspace_id: int,
    campaign: int | None = None,
    state: str | None = None,
    type: str | None = None,
    tag: str | None = None,
    schedule: int | None = None,
) -> QuerySet[Execution]:
    """`tag` in any case; `state` as on the wire."""
    found = Execution.objects.filter(workspace_id=workspace_id)
    if campaign is not None:
        found = found.filter(campaign_id=campaign)
    if schedule is not None:
        found = found.filter(schedule_id=schedule)
    if state:
        found = found.filter(state__in=[one for one in State if one.on_wire == state])
    if type:
        found = found.filter(type=type)
    if tag:
        spelled = Tag.objects.filter(workspace_id=workspace_id, name__iexact=tag).values_list("name", flat=True)
        found = found.filter(tags__overlap=[tag, *spelled])
    return found.select_related("template_version").defer("rejected", "template_version__content")


def get_execution(*, execution_id: int, workspace_id: int) -> Execution:
    """Raises NotFound outside the workspace."""
    found = (
        Execution.objects.filter(workspace_id=workspace_id, pk=execution_id)
        .select_related("template_version", "sender", "provider")
        .defer("rejected", "template_version__content")
        .first()
    )
    if found is None:
        raise NotFound("This workspace has no such execution.")
    return found
