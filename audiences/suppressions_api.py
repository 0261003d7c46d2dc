"""`/api/v1/suppressions`: values that are never sent to, one by one and as files."""

from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audiences import examples, upload_examples
from audiences.enqueue import enqueue_import
from audiences.presenting import suppression_on_wire
from audiences.selectors import suppressions_of
from audiences.serializers import SuppressAnswer, SuppressionPage, SuppressionQuery, SuppressionsWrite
from audiences.suppression_files import upload_suppressions
from audiences.suppressions import EXPORTED, add_suppressions, every_suppression, remove_suppression
from audiences.upload_judging import NOTHING_UPLOADED
from audiences.upload_parsing import (
    CsvParser,
    FormatOfFile,
    FormParser,
    GzipParser,
    NdjsonParser,
    ParquetParser,
    form_fields,
)
from audiences.upload_presenting import upload_on_wire
from audiences.upload_serializers import SuppressionFileForm, SuppressionFileWrite, UploadCreated
from common.csv_export import CsvRenderer, csv_response
from common.errors import FieldError
from common.idempotency import idempotent
from common.pagination import paginated
from common.rendering import ORJSONRenderer
from common.schema import IDEMPOTENCY_KEY, PAGE_PARAMETERS
from common.serializers import read, read_or_refuse, read_query
from workspaces.permissions import actor_of, workspace_of
from workspaces.roles import Scope


class SuppressionViewSet(ViewSet):
    required_scopes = {
        "list": Scope.CONTACTS_READ,
        "create": Scope.CONTACTS_WRITE,
        "destroy": Scope.CONTACTS_WRITE,
    }

    def get_renderers(self) -> Any:
        return [ORJSONRenderer(), CsvRenderer()] if self.action == "list" else [ORJSONRenderer()]

    @extend_schema(
        summary="List suppressions, newest first",
        description="As CSV with `Accept: text/csv` or `format=csv`, and then all that match at once, in the columns"
        " that an import takes. Of people who were erased only hashes are kept: they are in no list.",
        parameters=[
            SuppressionQuery,
            *PAGE_PARAMETERS,
            OpenApiParameter("format", {"type": "string", "enum": ["json", "csv"]}),
        ],
        responses={
            (200, "application/json"): SuppressionPage,
            (200, "text/csv"): OpenApiResponse({"type": "string"}, description="One line per suppression."),
        },
        examples=[
            OpenApiExample(
                "Suppressions",
                examples.page(examples.SUPPRESSION),
                response_only=True,
                media_type="application/json",
            )
        ],
    )
    def list(self, request: Request) -> Response | StreamingHttpResponse:
        filters = read_query(SuppressionQuery, request.query_params)
        found = suppressions_of(workspace_id=workspace_of(request).pk, **filters)
        if getattr(request.accepted_renderer, "format", "") == CsvRenderer.format:
            return csv_response("suppressions.csv", EXPORTED, every_suppression(found))
        return Response(paginated(request, found, suppression_on_wire))

    @extend_schema(
        summary="Suppress addresses",
        description="Up to 10,000; more at once with a file. Holds from the next chunk of every execution on. One that"
        " exists keeps its reasons and gets this one too; the strongest is its `reason`.",
        parameters=[IDEMPOTENCY_KEY],
        request=SuppressionsWrite,
        responses=SuppressAnswer,
        examples=[
            OpenApiExample("One address", examples.SUPPRESS, request_only=True),
            OpenApiExample("Suppressed", examples.SUPPRESSED, response_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        rows = read_or_refuse(SuppressionsWrite, request.data)["suppressions"]
        report = add_suppressions(workspace_id=workspace_of(request).pk, rows=rows, actor=actor_of(request))
        return Response(
            {
                "status": "success",
                "received": len(rows),
                "created": report.created,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "rejected_count": len(report.rejected),
                "rejected": [one.as_wire() for one in report.rejected],
            }
        )

    @extend_schema(
        summary="Remove a suppression",
        description="Whatever its reasons. Where one of `other_reasons` is `unsubscribed`, the person's own word, that"
        " is left as its only reason until it is removed too.",
        responses={204: None},
    )
    def destroy(self, request: Request, suppression_id: int) -> Response:
        remove_suppression(
            suppression_id=suppression_id, workspace_id=workspace_of(request).pk, actor=actor_of(request)
        )
        return Response(status=204)


class SuppressionFileViewSet(ViewSet):
    content_negotiation_class = FormatOfFile
    parser_classes = [FormParser, CsvParser, NdjsonParser, ParquetParser, GzipParser]
    required_scopes = {"create": Scope.CONTACTS_WRITE}

    @extend_schema(
        operation_id="suppressions_import",
        summary="Import a file of suppressions",
        description=(
            "A form with the file, or the file itself as the body with the other fields in the query, as for uploads"
            " of contacts. It is imported in the background: follow it with GET /api/v1/uploads/{id}, which has the"
            " refused rows too. Columns: value (or email, or phone), type, reason, source, created_at; they are told"
            " by the names that usual exports have. A time without an offset is UTC. A line that says enabled,"
            " subscribed or active is refused as not_suppressed. One that exists keeps its reasons and gets this"
            " one too."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request={
            "multipart/form-data": SuppressionFileForm,
            "text/csv": OpenApiTypes.STR,
            "application/x-ndjson": OpenApiTypes.STR,
            "application/vnd.apache.parquet": OpenApiTypes.BINARY,
            "application/gzip": OpenApiTypes.BINARY,
        },
        responses=UploadCreated,
        examples=[
            OpenApiExample(
                "Accepted", {**upload_examples.UPLOADED, "kind": "suppressions", "list_id": None}, response_only=True
            )
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        form: Any = request.data
        file = request.FILES.get("file")
        reading = read(SuppressionFileWrite, form_fields({name: form[name] for name in form}))
        missing = FieldError("file", "required", "The form has no file.", hint="curl -F file=@bounces.csv …")
        reading.refuse_with([] if file else [missing], detail=NOTHING_UPLOADED)
        values = reading.values
        fixed: dict[str, str] = {name: values.pop(name) for name in ("type", "reason", "source") if name in values}
        upload = upload_suppressions(
            workspace_id=workspace_of(request).pk, file=file, fixed=fixed, actor=actor_of(request), **values
        )
        if not upload.repeated:
            transaction.on_commit(lambda: enqueue_import(upload.pk), robust=True)
        message = "The same file was imported before; nothing was done again" if upload.repeated else "File accepted"
        return Response(
            {"status": "success", "message": message, "repeated": upload.repeated, **upload_on_wire(upload)}
        )
