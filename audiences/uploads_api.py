"""`/api/v1/uploads`: files of contacts, imported in the background."""

from typing import Any

from django.db import transaction
from django.http import FileResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences import upload_examples as examples
from audiences.enqueue import enqueue_import
from audiences.examples import page
from audiences.files.encodings import encoding_of
from audiences.models import Upload, UploadState
from audiences.previewing import preview_upload
from audiences.rejected_file import ending_of, open_refused
from audiences.selectors import get_upload, uploads_of
from audiences.upload_judging import NOTHING_UPLOADED, encoding_errors, mapping_errors
from audiences.upload_parsing import (
    CsvParser,
    FormatOfFile,
    FormParser,
    GzipParser,
    NdjsonParser,
    ParquetParser,
    form_fields,
)
from audiences.upload_presenting import preview_on_wire, upload_on_wire
from audiences.upload_serializers import (
    PreviewRead,
    UploadAnswer,
    UploadChange,
    UploadCreated,
    UploadForm,
    UploadPage,
    UploadQuery,
    UploadRead,
    UploadStart,
    UploadTrial,
    UploadWrite,
)
from audiences.uploads import cancel_upload, change_upload, create_upload, start_upload
from common.errors import FieldError, NotFound
from common.idempotency import bodiless, idempotent
from common.pagination import paginated
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_or_refuse, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
_ACCEPTED = "Upload accepted for import"
_HELD = "Upload accepted; map its columns and start it"
_REPEATED = "The same file was uploaded before; nothing was done again. Send force=true to import it once more"


class UploadsViewSet(ViewSet):
    content_negotiation_class = FormatOfFile
    parser_classes = [FormParser, CsvParser, NdjsonParser, ParquetParser, GzipParser]
    required_scopes = {"list": Scope.CONTACTS_READ, "create": Scope.CONTACTS_WRITE}

    @extend_schema(
        summary="List uploads, newest first",
        parameters=[UploadQuery, *PAGE_PARAMETERS],
        responses=UploadPage,
        examples=[OpenApiExample("Uploads", page(examples.UPLOAD), response_only=True)],
    )
    def list(self, request: Request) -> Response:
        filters = read_query(UploadQuery, request.query_params)
        return Response(
            paginated(request, uploads_of(workspace_id=workspace_of(request).pk, **filters), upload_on_wire)
        )

    @extend_schema(
        summary="Upload a file of contacts",
        description=(
            "A form with the file, or the file itself as the body (text/csv, application/x-ndjson,"
            " application/vnd.apache.parquet, application/gzip) with the other fields in the query. CSV and NDJSON may"
            " be compressed with gzip. Columns of CSV and Parquet: external_id, email, phone, whatsapp, locale,"
            " timezone, attributes (JSON), consent, consent_source, consent_at, push:<app_id> (tokens with | between"
            " them), personalization.<name>; any other column is an attribute, unless the mapping says otherwise. Lines"
            " of NDJSON are contacts as POST /api/v1/contacts takes them. With start=false it waits in the state"
            " mapping, with the mapping that is suggested. The same file, read in the same way into the same list, is"
            " imported once: the answer is the upload that there is, with repeated true."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request={
            "multipart/form-data": UploadForm,
            "text/csv": OpenApiTypes.STR,
            "application/x-ndjson": OpenApiTypes.STR,
            "application/vnd.apache.parquet": OpenApiTypes.BINARY,
            "application/gzip": OpenApiTypes.BINARY,
        },
        responses=UploadCreated,
        examples=[OpenApiExample("Accepted", examples.UPLOADED, response_only=True)],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        form: Any = request.data
        file = request.FILES.get("file")
        reading = read(UploadWrite, form_fields({name: form[name] for name in form}))
        reading.refuse_with([] if file else [_no_file(request)], detail=NOTHING_UPLOADED)
        upload = create_upload(
            workspace_id=workspace_of(request).pk, file=file, actor=actor_of(request), **reading.values
        )
        if upload.state == UploadState.WAITING:
            transaction.on_commit(lambda: enqueue_import(upload.pk), robust=True)
        held = upload.state == UploadState.MAPPING
        message = _REPEATED if upload.repeated else _HELD if held else _ACCEPTED
        return Response(
            {"status": "success", "message": message, "repeated": upload.repeated, **upload_on_wire(upload)}
        )


class UploadViewSet(ViewSet):
    required_scopes = {
        "retrieve": Scope.CONTACTS_READ,
        "rejected": Scope.CONTACTS_READ,
        "preview": Scope.CONTACTS_READ,
        "try_preview": Scope.CONTACTS_READ,
        "partial_update": Scope.CONTACTS_WRITE,
        "start": Scope.CONTACTS_WRITE,
        "cancel": Scope.CONTACTS_WRITE,
    }

    @extend_schema(
        summary="Read an upload",
        description="Its state and progress, with the rows a second and the seconds that are left.",
        responses=UploadRead,
        examples=[OpenApiExample("An upload", examples.UPLOAD, response_only=True)],
    )
    def retrieve(self, request: Request, upload_id: int) -> Response:
        return Response(upload_on_wire(_found(request, upload_id)))

    @extend_schema(
        summary="Change an upload that is not started",
        description="In the state mapping. The mapping is replaced in whole.",
        request=UploadChange,
        responses=UploadAnswer,
        examples=[
            OpenApiExample("A mapping", examples.CHANGE, request_only=True),
            OpenApiExample("Changed", examples.CHANGED, response_only=True),
        ],
    )
    def partial_update(self, request: Request, upload_id: int) -> Response:
        changes = read_or_refuse(UploadChange, request.data)
        upload = change_upload(
            upload_id=upload_id, workspace_id=workspace_of(request).pk, actor=actor_of(request), **changes
        )
        return _done("Upload changed successfully", upload)

    @extend_schema(
        summary="Preview the first rows",
        description="The first 20 rows as they would be read, the mapping that is suggested, and what is wrong.",
        responses=PreviewRead,
        examples=[OpenApiExample("A preview", examples.PREVIEW, response_only=True)],
    )
    def preview(self, request: Request, upload_id: int) -> Response:
        return _previewed(_found(request, upload_id), {})

    @extend_schema(
        summary="Preview the first rows with another mapping",
        description="Changes nothing.",
        request=UploadTrial,
        responses=PreviewRead,
        examples=[
            OpenApiExample("A mapping", examples.TRIAL, request_only=True),
            OpenApiExample("A preview", examples.PREVIEW, response_only=True),
        ],
    )
    def try_preview(self, request: Request, upload_id: int) -> Response:
        upload = _found(request, upload_id)
        reading = read(UploadTrial, request.data)
        values = reading.values
        found = [*mapping_errors(values.get("mapping", {})), *encoding_errors(values.get("encoding"))]
        reading.refuse_with(found, detail="Nothing was read.")
        return _previewed(upload, values)

    @extend_schema(
        summary="Start an upload",
        description="From the state mapping. What its columns mean is remembered for files with the same header.",
        parameters=[IDEMPOTENCY_KEY],
        request=UploadStart,
        responses=UploadAnswer,
        examples=[
            OpenApiExample("Start", {"force": False}, request_only=True),
            OpenApiExample("Started", examples.STARTED, response_only=True),
        ],
    )
    @idempotent
    def start(self, request: Request, upload_id: int) -> Response:
        options = read_or_refuse(UploadStart, request.data)
        upload = start_upload(
            upload_id=upload_id, workspace_id=workspace_of(request).pk, actor=actor_of(request), **options
        )
        transaction.on_commit(lambda: enqueue_import(upload.pk), robust=True)
        return _done(_ACCEPTED, upload)

    @extend_schema(
        summary="Cancel an upload",
        description="What is imported already stays; the chunk of rows at work is undone.",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=UploadAnswer,
        examples=[OpenApiExample("Cancelled", examples.CANCELLED, response_only=True)],
    )
    @bodiless
    def cancel(self, request: Request, upload_id: int) -> Response:
        upload = cancel_upload(upload_id=upload_id, workspace_id=workspace_of(request).pk, actor=actor_of(request))
        return _done("Upload cancelled successfully; what was imported stays", upload)

    @extend_schema(
        summary="Download the refused rows",
        description=(
            "Each with its line, code, field and message: mend it, upload it. In the format of the upload, of Parquet"
            " as CSV. It has the first 1,000,000, up to 256 MiB; more are only counted."
        ),
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="The refused rows."),
        },
    )
    def rejected(self, request: Request, upload_id: int) -> HttpResponseBase:
        upload = _found(request, upload_id)
        file = open_refused(upload)
        if file is None:
            raise NotFound("This upload has no refused rows.")
        ending = ending_of(upload.format)
        return FileResponse(
            file,
            as_attachment=True,
            filename=f"upload-{upload.pk}-rejected.{ending}",
            content_type=_MEDIA_TYPES[ending],
        )


def _no_file(request: Request) -> FieldError:
    if (request.content_type or "").startswith(FormParser.media_type):
        return FieldError("file", "required", "The form has no file.", hint="curl -F file=@people.csv …")
    return FieldError("file", "required", "The body is empty; it is to be the file.", hint="curl -T people.csv …")


def _found(request: Request, upload_id: int) -> Upload:
    return get_upload(upload_id=upload_id, workspace_id=workspace_of(request).pk)


def _done(message: str, upload: Upload) -> Response:
    return Response({"status": "success", "message": message, **upload_on_wire(upload)})


def _previewed(upload: Upload, values: dict[str, Any]) -> Response:
    if not upload.file:
        raise NotFound("The file of this upload is not there any more.")
    encoding = encoding_of(values.get("encoding", upload.encoding))
    preview = preview_upload(upload, mapping=values.get("mapping", upload.mapping), encoding=encoding)
    return Response(preview_on_wire(upload, preview))
