from django.db.models import QuerySet

from templates_registry.models import Template


def published_templates(*, workspace_id: int) -> QuerySet[Template]:
    """What the API knows: published, not archived, with their version."""
    return Template.objects.filter(
        workspace_id=workspace_id, published__isnull=False, archived_at__isnull=True
    ).select_related("published")
