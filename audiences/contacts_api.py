"""`/api/v1/contacts`: bulk upsert, list, read, delete."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences import examples
from audiences.contacts import delete_contact
from audiences.presenting import contacts_on_wire
from audiences.rights.consent_history import change_on_wire, changes_of
from audiences.rights.serializers import ConsentPage
from audiences.selectors import contacts_of, get_contact, list_errors
from audiences.serializers import ContactPage, ContactQuery, ContactRead, ContactsWrite, UpsertAnswer
from audiences.upsert import upsert_contacts
from common.idempotency import idempotent
from common.pagination import by_id, paginated, present, read_page, read_rows
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import NoFields, read, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class ContactViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CONTACTS_READ,
        "retrieve": Scope.CONTACTS_READ,
        "create": Scope.CONTACTS_WRITE,
        "consents": Scope.CONTACTS_READ,
        "destroy": Scope.CONTACTS_WRITE,
    }

    @extend_schema(
        summary="List contacts, newest first",
        parameters=[ContactQuery, *PAGE_PARAMETERS],
        responses=ContactPage,
        examples=[OpenApiExample("Contacts", examples.page(examples.CONTACT), response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(ContactQuery, request.query_params)
        found = contacts_of(workspace_id=workspace_of(request).pk, **filters)
        page = read_rows(found, read_page(request.query_params))
        shown = {one["contact_id"]: one for one in contacts_on_wire(page.rows)}
        return Response(present(request, page, lambda contact: shown[contact.pk], key=by_id))

    @extend_schema(
        summary="Create and update contacts in bulk",
        description=(
            "Each contact is named by its external_id, else by its email, phone or device token. One that can't be"
            " used is reported and does not keep the others from being written."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request=ContactsWrite,
        responses=UpsertAnswer,
        examples=[
            OpenApiExample("Three contacts", examples.UPSERT, request_only=True),
            OpenApiExample("Written", examples.UPSERTED, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        workspace_id = workspace_of(request).pk
        reading = read(ContactsWrite, request.data)
        list_ids = reading.values.get("list_ids", [])
        reading.refuse_with(list_errors(workspace_id=workspace_id, list_ids=list_ids, field="list_ids"))
        contacts = reading.values["contacts"]
        report = upsert_contacts(
            workspace_id=workspace_id,
            rows=contacts,
            list_ids=list_ids,
            attributes_mode=reading.values.get("attributes_mode", "merge"),
        )
        return Response(
            {
                "status": "success",
                "received": len(contacts),
                "created": report.created,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "rejected_count": len(report.rejected),
                "rejected": [one.as_wire() for one in report.rejected],
            }
        )

    @extend_schema(
        summary="Read a contact",
        responses=ContactRead,
        examples=[OpenApiExample("A contact", examples.CONTACT, response_only=True)],
    )
    def retrieve(self, request: Request, contact_id: int) -> Response:
        contact = get_contact(contact_id=contact_id, workspace_id=workspace_of(request).pk)
        return Response(contacts_on_wire([contact])[0])

    @extend_schema(
        operation_id="contacts_consents",
        summary="Read how a contact's consents changed",
        description="Newest first. `addresses` says what holds now, and who said so when. What an address came with"
        " is the `from` of its first change; one that never changed has none.",
        parameters=PAGE_PARAMETERS,
        responses=ConsentPage,
        examples=[OpenApiExample("Unsubscribed once", examples.CONSENTS, response_only=True)],
    )
    def consents(self, request: Request, contact_id: int) -> Response:
        read_query(NoFields, request.query_params)
        contact = get_contact(contact_id=contact_id, workspace_id=workspace_of(request).pk)
        found = changes_of(contact_id=contact.pk, workspace_id=contact.workspace_id)
        page = paginated(request, found, change_on_wire)
        return Response({"contact_id": contact.pk, "addresses": contacts_on_wire([contact])[0]["addresses"], **page})

    @extend_schema(
        summary="Delete a contact",
        description="Forgets the person and every address. What was sent stays in the ledger, without their name."
        " Whoever asks to be forgotten is better erased: that forgets more, and keeps them from coming in again.",
        responses={204: None},
    )
    def destroy(self, request: Request, contact_id: int) -> Response:
        delete_contact(contact_id=contact_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
        return Response(status=204)
