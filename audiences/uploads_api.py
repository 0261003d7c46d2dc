"""`/api/v1/uploads`: files of contacts, imported in the background."""

from typing import Any

from django.db import transaction
from django.http import FileResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences import examples
from audiences.enqueue import enqueue_import
from audiences.presenting import upload_on_wire
from audiences.selectors import get_upload, uploads_of
from audiences.serializers import UploadAnswer, UploadForm, UploadPage, UploadQuery, UploadRead, UploadWrite
from audiences.upload_parsing import CsvParser, FormParser, NdjsonParser, form_fields
from audiences.uploads import NOTHING_UPLOADED, create_upload
from common.errors import FieldError, NotFound
from common.idempotency import idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


class UploadViewSet(ViewSet):
    parser_classes = [FormParser, CsvParser, NdjsonParser]
    required_scopes = {
        "list": Scope.CONTACTS_READ,
        "retrieve": Scope.CONTACTS_READ,
        "rejected": Scope.CONTACTS_READ,
        "create": Scope.CONTACTS_WRITE,
    }

    @extend_schema(
        summary="List uploads, newest first",
        parameters=[UploadQuery, *PAGE_PARAMETERS],
        responses=UploadPage,
        examples=[OpenApiExample("Uploads", examples.page(examples.UPLOAD), response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(UploadQuery, request.query_params)
        return Response(
            paginated(request, uploads_of(workspace_id=workspace_of(request).pk, **filters), upload_on_wire)
        )

    @extend_schema(
        summary="Upload a file of contacts",
        description=(
            "A form with the file, or the file itself as the body (text/csv, application/x-ndjson) with the other"
            " fields in the query. Columns of a CSV file: external_id, email, phone, locale, timezone, attributes"
            " (JSON), consent, consent_source, consent_at, push:<app_id> (tokens with | between them); any other"
            " column is an attribute. Lines of NDJSON are contacts as POST /api/v1/contacts takes them."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request={
            "multipart/form-data": UploadForm,
            "text/csv": OpenApiTypes.STR,
            "application/x-ndjson": OpenApiTypes.STR,
        },
        responses=UploadAnswer,
        examples=[OpenApiExample("Accepted", examples.UPLOADED, response_only=True)],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        form: Any = request.data
        file = request.FILES.get("file")
        reading = read(UploadWrite, form_fields({name: form[name] for name in form}))
        missing = FieldError("file", "required", "The form has no file.", hint="curl -F file=@people.csv …")
        reading.refuse_with([] if file else [missing], detail=NOTHING_UPLOADED)
        upload = create_upload(
            workspace_id=workspace_of(request).pk,
            file=file,
            actor=actor_of(request),
            **reading.values,
        )
        transaction.on_commit(lambda: enqueue_import(upload.pk), robust=True)
        return Response({"status": "success", "message": "Upload accepted for import", **upload_on_wire(upload)})

    @extend_schema(
        summary="Read an upload",
        description="Its state and progress.",
        responses=UploadRead,
        examples=[OpenApiExample("An upload", examples.UPLOAD, response_only=True)],
    )
    def retrieve(self, request: Request, upload_id: int) -> Response:
        return Response(upload_on_wire(get_upload(upload_id=upload_id, workspace_id=workspace_of(request).pk)))

    @extend_schema(
        summary="Download the refused rows",
        description="In the format of the upload, each with its line, code, field and message: mend it, upload it.",
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="The refused rows."),
        },
    )
    def rejected(self, request: Request, upload_id: int) -> HttpResponseBase:
        upload = get_upload(upload_id=upload_id, workspace_id=workspace_of(request).pk)
        if not upload.rejected_file:
            raise NotFound("This upload has no refused rows.")
        return FileResponse(
            upload.rejected_file.open("rb"),
            as_attachment=True,
            filename=f"upload-{upload.pk}-rejected.{upload.format}",
            content_type=_MEDIA_TYPES[upload.format],
        )
