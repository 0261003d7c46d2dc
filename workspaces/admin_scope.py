"""The admin's tenancy: who sees and touches what. Staff reach only their workspaces, as far as their role allows.

Every admin page of ours builds on `workspaces.scoped_admin`, and every custom view finds its object with
`get_scoped_object_or_404`: a foreign object and one that does not exist look alike.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from common.authorship import Actor
from workspaces.models import Membership, User, Workspace
from workspaces.roles import Role


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person as the actor of services."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return Actor(kind="user", id=user.pk, name=user.get_username(), author_id=user.pk)


def roles_of(request: HttpRequest) -> dict[int, Role]:
    """Workspace id to the person's role; read once per request. A superuser is admin of every workspace."""
    known: dict[int, Role] | None = getattr(request, "_volley_roles", None)
    if known is None:
        known = _read_roles(request)
        request._volley_roles = known  # type: ignore[attr-defined]
    return known


def _read_roles(request: HttpRequest) -> dict[int, Role]:
    user = request.user
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return {}
    if user.is_superuser:
        return dict.fromkeys(Workspace.objects.order_by("pk").values_list("pk", flat=True), Role.ADMIN)
    rows = Membership.objects.filter(user=user).order_by("workspace_id").values_list("workspace_id", "role")
    return {workspace_id: Role(role) for workspace_id, role in rows}


def workspace_ids(request: HttpRequest, at_least: Role = Role.VIEWER) -> list[int]:
    return [workspace_id for workspace_id, role in roles_of(request).items() if role.includes(at_least)]


def workspaces_of(request: HttpRequest, at_least: Role = Role.VIEWER) -> QuerySet[Workspace]:
    return Workspace.objects.filter(pk__in=workspace_ids(request, at_least)).order_by("name")


def may(request: HttpRequest, workspace_id: int, role: Role) -> bool:
    held = roles_of(request).get(workspace_id)
    return held is not None and held.includes(role)


def get_scoped_object_or_404[M: Model](
    request: HttpRequest,
    queryset: QuerySet[M],
    object_id: Any,
    *,
    role: Role = Role.VIEWER,
    path: str = "workspace_id",
) -> M:
    """The row, if it is in a workspace of the person; Http404 otherwise, and PermissionDenied below `role`."""
    try:
        found = queryset.filter(**{f"{path}__in": workspace_ids(request)}, pk=object_id).first()
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None:
        raise Http404
    if not may(request, workspace_id_of(found, path), role):
        raise PermissionDenied
    return found


def workspace_id_of(obj: Model, path: str = "workspace_id") -> int:
    value: Any = obj
    for name in path.split("__"):
        value = getattr(value, name)
    return int(value)
