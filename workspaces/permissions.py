"""What a key may do: each view declares the scope that each of its actions needs."""

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from common.authorship import Actor
from workspaces.models import ApiKey, Workspace

if TYPE_CHECKING:
    # It imports this module, through REST framework's settings.
    from rest_framework.views import APIView

_MISSING = "The request has no API key. Send the header Authorization: Bearer <key>."


class HasScope(BasePermission):
    """A view declares `required_scopes`: a scope, or a mapping of action name or HTTP method to a scope.

    A view without a declaration is closed: forgetting it must not open it.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, ApiKey):
            raise NotAuthenticated(_MISSING)
        if request.method == "OPTIONS" or request.method not in view.allowed_methods:
            return True  # answered as 405 by the view itself
        scope = required_scope(view, str(request.method))
        if scope is None:
            raise PermissionDenied("This address is not open to API keys.")
        if scope not in request.auth.scopes:
            has = ", ".join(request.auth.scopes) or "none"
            raise PermissionDenied(f"The API key lacks the scope {scope}; it has: {has}.")
        return True


def required_scope(view: "APIView", method: str) -> str | None:
    declared: Any = getattr(view, "required_scopes", None)
    if declared is None or isinstance(declared, str):
        return declared
    action = getattr(view, "action", None)
    found: str | None = declared.get(action) or declared.get("GET" if method == "HEAD" else method)
    return found


def actor_of(request: Request) -> Actor:
    actor: Actor = request.user.actor  # type: ignore[union-attr]
    return actor


def workspace_of(request: Request) -> Workspace:
    """The workspace that the key opens; it is loaded already."""
    key = request.auth
    if not isinstance(key, ApiKey):
        raise NotAuthenticated(_MISSING)
    return key.workspace
