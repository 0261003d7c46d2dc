from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from tests.factories import make_key
from workspaces.models import Workspace
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

pytestmark = pytest.mark.django_db


class Scoped(APIView):
    required_scopes: Any = {"GET": Scope.CONTACTS_READ, "POST": Scope.CONTACTS_WRITE}

    def get(self, request: Any) -> Response:
        return Response({"workspace": workspace_of(request).pk, "actor": actor_of(request).name})

    def post(self, request: Any) -> Response:
        return Response({})


class Undeclared(Scoped):
    required_scopes = None


def call(view: type[APIView], method: str, key: str | None) -> Any:
    headers = {"Authorization": key} if key else {}
    answer: Any = view.as_view()(APIRequestFactory().generic(method, "/api/v1/things", headers=headers))
    return answer


def test_the_view_knows_the_workspace_and_the_actor(workspace: Workspace) -> None:
    made = make_key(workspace, [Scope.CONTACTS_READ])
    assert call(Scoped, "GET", made.plain).data == {"workspace": workspace.pk, "actor": made.key.name}


def test_each_method_needs_its_own_scope(workspace: Workspace) -> None:
    reader = make_key(workspace, [Scope.CONTACTS_READ]).plain
    assert call(Scoped, "HEAD", reader).status_code == 200
    refused = call(Scoped, "POST", reader)
    assert (refused.status_code, refused.data["code"]) == (403, "forbidden")
    assert "lacks the scope contacts:write; it has: contacts:read" in refused.data["detail"]


def test_a_view_that_declares_nothing_is_closed(workspace: Workspace) -> None:
    assert call(Undeclared, "GET", make_key(workspace).plain).status_code == 403


def test_a_method_that_the_view_lacks_is_405_for_a_key_and_401_without(workspace: Workspace) -> None:
    assert call(Scoped, "DELETE", make_key(workspace, [Scope.CAPS_READ]).plain).status_code == 405
    assert call(Scoped, "DELETE", None).status_code == 401


@pytest.mark.parametrize("header", ["Basic dXNlcg==", "Bearer nonsense", "vk_000000000000_" + "x" * 43])
def test_a_wrong_key_is_401_with_a_challenge(header: str) -> None:
    answer = call(Scoped, "GET", header)
    assert (answer.status_code, answer.data["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="Volley"'
