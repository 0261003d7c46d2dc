"""`/api/v1/lists`: fixed sets of contacts."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences import examples
from audiences.lists import Members, add_to_list, archive_list, create_list, remove_from_list, update_list
from audiences.models import List
from audiences.presenting import list_on_wire
from audiences.selectors import get_list, lists_of
from audiences.serializers import (
    ListAnswer,
    ListChange,
    ListPage,
    ListQuery,
    ListReadOne,
    ListWrite,
    MembersAnswer,
    MembersWrite,
)
from common.errors import FieldError
from common.idempotency import bodiless, idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_or_refuse, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_MEMBERS = {"contact_ids": [88231], "external_ids": ["user-1", "user-999"]}


class ListViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CONTACTS_READ,
        "retrieve": Scope.CONTACTS_READ,
        "create": Scope.CONTACTS_WRITE,
        "partial_update": Scope.CONTACTS_WRITE,
        "archive": Scope.CONTACTS_WRITE,
        "add": Scope.CONTACTS_WRITE,
        "remove": Scope.CONTACTS_WRITE,
    }

    @extend_schema(
        summary="List lists, newest first",
        parameters=[ListQuery, *PAGE_PARAMETERS],
        responses=ListPage,
        examples=[OpenApiExample("Lists", examples.page(examples.LIST), response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(ListQuery, request.query_params)
        found = lists_of(
            workspace_id=workspace_of(request).pk, q=filters.get("q"), archived=filters.get("state") == "archived"
        )
        return Response(paginated(request, found, list_on_wire))

    @extend_schema(
        summary="Create a list",
        parameters=[IDEMPOTENCY_KEY],
        request=ListWrite,
        responses=ListAnswer,
        examples=[
            OpenApiExample("A list", {"name": "Newsletter"}, request_only=True),
            OpenApiExample(
                "Created",
                {"status": "success", "message": "List created successfully", **examples.LIST},
                response_only=True,
            ),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        fields = read_or_refuse(ListWrite, request.data, detail="Nothing was created.")
        made = create_list(workspace_id=workspace_of(request).pk, actor=actor_of(request), **fields)
        return _answer("List created successfully", made)

    @extend_schema(
        summary="Read a list",
        description="With its size. Its members: GET /api/v1/contacts?list_id=…",
        responses=ListReadOne,
        examples=[OpenApiExample("A list", {**examples.LIST, "size": 10_000}, response_only=True)],
    )
    def retrieve(self, request: Request, list_id: int) -> Response:
        found = get_list(list_id=list_id, workspace_id=workspace_of(request).pk)
        return Response({**list_on_wire(found), "size": found.memberships.count()})

    @extend_schema(
        summary="Rename a list",
        request=ListChange,
        responses=ListAnswer,
        examples=[
            OpenApiExample("Another name", {"name": "Newsletter 2026"}, request_only=True),
            OpenApiExample(
                "Changed",
                {"status": "success", "message": "List changed successfully", **examples.LIST},
                response_only=True,
            ),
        ],
    )
    def partial_update(self, request: Request, list_id: int) -> Response:
        workspace_id = workspace_of(request).pk
        get_list(list_id=list_id, workspace_id=workspace_id)
        fields = read_or_refuse(ListChange, request.data)
        changed = update_list(list_id=list_id, workspace_id=workspace_id, actor=actor_of(request), **fields)
        return _answer("List changed successfully", changed)

    @extend_schema(
        summary="Archive a list",
        description="Puts it away: nobody can be added, and no campaign executed to it. Asking again changes nothing.",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=ListAnswer,
        examples=[
            OpenApiExample(
                "Archived",
                {"status": "success", "message": "List archived successfully", **examples.LIST, "state": "archived"},
                response_only=True,
            )
        ],
    )
    @bodiless
    def archive(self, request: Request, list_id: int) -> Response:
        found = archive_list(list_id=list_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
        return _answer("List archived successfully", found)

    @extend_schema(
        summary="Put contacts in a list",
        description="Known contacts only; POST /api/v1/contacts with `list_ids` puts new ones in as it makes them.",
        parameters=[IDEMPOTENCY_KEY],
        request=MembersWrite,
        responses=MembersAnswer,
        examples=[
            OpenApiExample("Three contacts", _MEMBERS, request_only=True),
            OpenApiExample("Added", examples.MEMBERS, response_only=True),
        ],
    )
    @idempotent
    def add(self, request: Request, list_id: int) -> Response:
        workspace_id, given = _members(request, list_id)
        done = add_to_list(list_id=list_id, workspace_id=workspace_id, actor=actor_of(request), **given)
        return _members_answer("Contacts added successfully", list_id, done)

    @extend_schema(
        summary="Take contacts out of a list",
        parameters=[IDEMPOTENCY_KEY],
        request=MembersWrite,
        responses=MembersAnswer,
        examples=[
            OpenApiExample("Three contacts", _MEMBERS, request_only=True),
            OpenApiExample(
                "Removed", {**examples.MEMBERS, "message": "Contacts removed successfully"}, response_only=True
            ),
        ],
    )
    @idempotent
    def remove(self, request: Request, list_id: int) -> Response:
        workspace_id, given = _members(request, list_id)
        done = remove_from_list(list_id=list_id, workspace_id=workspace_id, actor=actor_of(request), **given)
        return _members_answer("Contacts removed successfully", list_id, done)


def _members(request: Request, list_id: int) -> tuple[int, dict[str, Any]]:
    workspace_id = workspace_of(request).pk
    get_list(list_id=list_id, workspace_id=workspace_id)
    reading = read(MembersWrite, request.data)
    nobody = not reading.values.get("contact_ids") and not reading.values.get("external_ids")
    none = FieldError("contact_ids", "required", "Name somebody: contact_ids, external_ids or both.")
    reading.refuse_with([none] if nobody and not reading.errors else [])
    return workspace_id, reading.values


def _members_answer(message: str, list_id: int, done: Members) -> Response:
    return Response(
        {
            "status": "success",
            "message": message,
            "list_id": list_id,
            "changed": done.changed,
            "unchanged": done.unchanged,
            "rejected_count": len(done.missing),
            "rejected": [{"field": field, "code": "not_found", "value": str(value)} for field, value in done.missing],
        }
    )


def _answer(message: str, found: List) -> Response:
    return Response({"status": "success", "message": message, **list_on_wire(found)})
