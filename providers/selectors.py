"""Which provider and which sender a message goes out with."""

from django.db.models import Q

from common.channels import Type
from providers.models import Kind, Provider, Sender

# What each kind is able to send.
TYPES_OF_KIND: dict[str, frozenset[str]] = {
    Kind.SANDBOX: frozenset(Type.values),
    Kind.SMTP: frozenset({Type.EMAIL}),
    Kind.HTTP: frozenset(Type.values),
    Kind.HTTP_BATCH: frozenset(Type.values),
}


def provider_for(*, workspace_id: int, type: str) -> Provider | None:
    """The enabled provider for a type: a default before another, one made for the type before one for every type."""
    kinds = [kind for kind, types in TYPES_OF_KIND.items() if type in types]
    found = Provider.objects.filter(Q(type=type) | Q(type=""), workspace_id=workspace_id, enabled=True, kind__in=kinds)
    return min(found, key=lambda one: (not one.is_default, one.type != type, one.pk), default=None)


def default_sender(*, workspace_id: int, type: str) -> Sender | None:
    """The default sender of a type; where none is marked, the only one there is."""
    found = list(Sender.objects.filter(workspace_id=workspace_id, type=type).order_by("-is_default", "pk")[:2])
    if found and (found[0].is_default or len(found) == 1):
        return found[0]
    return None
