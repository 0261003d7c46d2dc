from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from workspaces.models import Membership, User, Workspace
from workspaces.roles import Role


def workspaces_of(user: User | AnonymousUser) -> QuerySet[Workspace]:
    """The workspaces that a person of the staff may see; every one for a superuser."""
    if not user.is_active or not user.is_authenticated:
        return Workspace.objects.none()
    if user.is_superuser:
        return Workspace.objects.all()
    return Workspace.objects.filter(memberships__user=user)


def may(user: User | AnonymousUser, *, role: Role, workspace_id: int) -> bool:
    """Whether the person has this role, or one that includes it, in the workspace."""
    if not user.is_active or not user.is_authenticated:
        return False
    if user.is_superuser:
        return True
    held = Membership.objects.filter(user=user, workspace_id=workspace_id).values_list("role", flat=True).first()
    return held is not None and Role(held).includes(role)
