"""`/api/v1/contacts/{id}/erase`, `…/export` and `/api/v1/contacts/erase`.

They live here because most of what is kept of a person is what executions did, of which audiences know nothing.
"""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences.examples import CONTACT
from audiences.rights.erasing import Subject
from audiences.selectors import get_contact
from common.idempotency import bodiless, idempotent
from common.schema import IDEMPOTENCY_KEY
from common.serializers import read
from executions.api.people_serializers import EraseBody, Erased, PersonExport, erased_wire, subject_of
from executions.rights.downloading import download
from executions.rights.erasing import erase_person
from executions.rights.exporting import export_person
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_ERASED: dict[str, Any] = {
    "status": "success",
    "message": "Erased",
    "erasure_id": 7,
    "erased_at": "2026-11-23T10:00:00Z",
    "contact_ids": [88231],
    "addresses": 2,
    "events": 14,
}
_EXPORTED: dict[str, Any] = {
    "contact": CONTACT,
    "lists": [{"list_id": 42, "name": "News"}],
    "uploads": [],
    "anonymous_ids": [],
    "consent_changes": [],
    "suppressions": [],
    "events": [],
    "deliveries": [],
    "receipts": [],
    "personalization": [],
    "frequency_uses": [],
}
_ANSWER = OpenApiExample("Erased", _ERASED, response_only=True)


class PersonViewSet(ViewSet):
    required_scopes = {
        "erase": Scope.CONTACTS_WRITE,
        "erase_named": Scope.CONTACTS_WRITE,
        "export": Scope.CONTACTS_READ,
    }

    @extend_schema(
        operation_id="contacts_erase",
        summary="Erase a person",
        description="For good: the contact, addresses, memberships, events and personalization. Hashes of the"
        " addresses are kept, so that they are suppressed when they come in again; the ledger keeps rows that name"
        " nobody. Asking again answers the same.",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=Erased,
        examples=[_ANSWER],
    )
    @bodiless
    def erase(self, request: Request, contact_id: int) -> Response:
        return self._erase(request, Subject(contact_id=contact_id))

    @extend_schema(
        operation_id="contacts_erase_named",
        summary="Erase whoever has an external id or an address",
        description="Of an address: everybody who has it. It is kept from coming in also where nobody has it.",
        parameters=[IDEMPOTENCY_KEY],
        request=EraseBody,
        responses=Erased,
        examples=[
            OpenApiExample("By external id", {"external_id": "user-1"}, request_only=True),
            OpenApiExample("By email", {"email": "ana@example.test"}, request_only=True),
            OpenApiExample("By any address", {"type": "push", "value": "fcm-token"}, request_only=True),
            _ANSWER,
        ],
    )
    @idempotent
    def erase_named(self, request: Request) -> Response:
        return self._erase(request, subject_of(read(EraseBody, request.data)))

    @extend_schema(
        operation_id="contacts_export",
        summary="Export a person",
        description="Everything that is kept of them, as one JSON document, streamed.",
        responses=PersonExport,
        examples=[OpenApiExample("A person", _EXPORTED, response_only=True)],
    )
    def export(self, request: Request, contact_id: int) -> StreamingHttpResponse:
        contact = get_contact(contact_id=contact_id, workspace_id=workspace_of(request).pk)
        return download(contact.pk, export_person(contact=contact, actor=actor_of(request)))

    @staticmethod
    def _erase(request: Request, subject: Subject) -> Response:
        erasure = erase_person(workspace_id=workspace_of(request).pk, subject=subject, actor=actor_of(request))
        return Response(erased_wire(erasure))
