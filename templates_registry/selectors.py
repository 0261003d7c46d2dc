from django.db.models import QuerySet

from common.errors import NotFound
from templates_registry.models import Template


def published_templates(*, workspace_id: int) -> QuerySet[Template]:
    """What the API knows: published, not archived, with their version."""
    return Template.objects.filter(
        workspace_id=workspace_id, published__isnull=False, archived_at__isnull=True
    ).select_related("published")


def get_published_template(*, template_id: int, workspace_id: int) -> Template:
    """Raises `NotFound` for drafts, archived templates, and those of other workspaces."""
    found = published_templates(workspace_id=workspace_id).filter(pk=template_id).first()
    if found is None:
        raise NotFound("This workspace has no such published template.")
    return found
