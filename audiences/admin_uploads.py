"""Uploads in the admin: a file is chosen by mouse, its columns are mapped, and its import is watched."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from audiences.admin_upload_mapping import page_context, start_mapped, try_mapping
from audiences.models import List, Upload, UploadState
from audiences.rejected_file import ending_of, open_refused
from audiences.upload_presenting import actions_of, eta_of, progress_of, rate_of
from audiences.uploads import cancel_upload, create_upload
from common.errors import DomainError
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, may, workspaces_of
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin

_ENDED = (UploadState.FINISHED, UploadState.FAILED, UploadState.CANCELLED)
_FIELD_OF = {"list_id": "list", "format": "file"}
_COUNTS = ("rows_read", "created", "updated", "unchanged", "duplicates", "rejected")


class UploadForm(ScopedModelForm):
    name = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Empty: the name of the file.",
    )
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.ndjson,.jsonl,.parquet,.gz"}),
        help_text="CSV with a header, NDJSON or Parquet; CSV and NDJSON also compressed with gzip. Nothing is imported"
        " before you have seen the first rows and said what the columns mean.",
    )

    class Meta:
        model = Upload
        fields = ("workspace", "name", "file", "list", "keep")

    def _post_clean(self) -> None:
        """The service judges the file, so the model's own checks have nothing to add."""
        if self.errors:
            return
        typed = self.cleaned_data
        chosen: Workspace | None = typed.get("workspace")
        try:
            self.instance = create_upload(
                workspace_id=chosen.pk if chosen else self.instance.workspace_id,
                file=typed["file"],
                name=typed["name"],
                list_id=typed["list"].pk if typed.get("list") else None,
                keep=typed["keep"],
                start=False,
                actor=actor_of(self.request),
            )
        except DomainError as error:
            show_errors(self, error, _FIELD_OF)


@admin.register(Upload)
class UploadAdmin(ServiceModelAdmin):
    form = UploadForm
    can_change = False
    list_display = ("name", "shown_state", "rows_read", "created", "updated", "rejected", "made_by", "created_at")
    list_filter = ("state",)
    search_fields = ("name",)
    fields = ("name", "file", "list", "keep")

    @admin.display(description="State")
    def shown_state(self, upload: Upload) -> str:
        return str(upload.get_state_display())

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        if db_field.name != "list":
            return super().get_field_queryset(db, db_field, request)
        mine = workspaces_of(request, Role.EDITOR)
        return List.objects.filter(workspace__in=mine, archived_at__isnull=True).order_by("name")

    def get_urls(self) -> list[URLPattern]:
        views = (
            ("progress", self.progress_view),
            ("rejected", self.rejected_view),
            ("preview", self.preview_view),
            ("start", self.start_view),
            ("cancel", self.cancel_view),
        )
        own = [
            path(f"<int:upload_id>/{name}/", self.admin_site.admin_view(view), name=f"audiences_upload_{name}")
            for name, view in views
        ]
        return [*own, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """An upload is mapped before its import, and watched after."""
        upload = get_scoped_object_or_404(request, Upload.objects.select_related("list"), object_id)
        editing = may(request, upload.workspace_id, Role.EDITOR)
        mapped = upload.state == UploadState.MAPPING and editing and bool(upload.file)
        context = {
            **self.admin_site.each_context(request),
            "title": upload.name,
            "upload": upload,
            "state": upload_state(upload),
            "editing": editing,
            **(page_context(upload) if mapped else {}),
        }
        return TemplateResponse(request, f"volley/upload{'_mapping' if mapped else ''}.html", context)

    def progress_view(self, request: HttpRequest, upload_id: int) -> JsonResponse:
        answer = JsonResponse(upload_state(get_scoped_object_or_404(request, Upload.objects.all(), upload_id)))
        answer["Cache-Control"] = "no-store"
        return answer

    def rejected_view(self, request: HttpRequest, upload_id: int) -> HttpResponseBase:
        """The rows that were refused, each with the reason, as a file that can be mended."""
        upload = get_scoped_object_or_404(request, Upload.objects.all(), upload_id)
        file = open_refused(upload)
        if file is None:
            raise Http404
        name = f"rejected-{upload.pk}.{ending_of(upload.format)}"
        return FileResponse(file, as_attachment=True, filename=name)

    @method_decorator(require_POST)
    def preview_view(self, request: HttpRequest, upload_id: int) -> JsonResponse:
        upload = get_scoped_object_or_404(request, Upload.objects.all(), upload_id, role=Role.EDITOR)
        if not upload.file:
            raise Http404
        try:
            return JsonResponse(try_mapping(upload, request.body))
        except DomainError as error:
            return JsonResponse({"errors": [one.message for one in error.errors] or [error.detail]}, status=200)

    @method_decorator(require_POST)
    def start_view(self, request: HttpRequest, upload_id: int) -> HttpResponse:
        upload = get_scoped_object_or_404(request, Upload.objects.all(), upload_id, role=Role.EDITOR)
        try:
            start_mapped(request, upload)
        except DomainError as error:
            for text in [_told(one) for one in error.errors] or [error.detail]:
                messages.error(request, text)
        return _to_page(upload)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, upload_id: int) -> HttpResponse:
        upload = get_scoped_object_or_404(request, Upload.objects.all(), upload_id, role=Role.EDITOR)
        try:
            with transaction.atomic():
                cancel_upload(upload_id=upload.pk, workspace_id=upload.workspace_id, actor=actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
        return _to_page(upload)

    def response_add(self, request: HttpRequest, obj: Upload, post_url_continue: Any = None) -> HttpResponse:
        if obj.repeated:
            messages.info(
                request, "The same file was uploaded before and waits for its columns to be mapped: here it is."
            )
        return _to_page(obj)


def _told(error: Any) -> str:
    return f"{error.message} {error.hint}" if error.hint else str(error.message)


def _to_page(upload: Upload) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:audiences_upload_change", args=[upload.pk]))


def upload_state(upload: Upload) -> dict[str, Any]:
    """What the page asks for each second."""
    ended = upload.state in _ENDED
    return {
        "state": upload.state,
        "state_label": UploadState(upload.state).label,
        "ended": ended,
        "error": upload.error,
        "progress": progress_of(upload),
        "rate_per_second": rate_of(upload),
        "eta_seconds": eta_of(upload),
        "bytes_read": upload.bytes_read,
        "counts": {name: getattr(upload, name) for name in _COUNTS},
        "rejected_in_file": upload.rejected_kept,
        "has_rejected_file": ended and bool(upload.rejected_file),
        "may_cancel": "cancel" in actions_of(upload),
    }
