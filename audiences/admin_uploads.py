"""Uploads in the admin: a file is chosen by mouse, imported in the background, and watched."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from audiences.enqueue import enqueue_import
from audiences.models import List, Upload, UploadState
from audiences.uploads import create_upload
from common.errors import DomainError
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, workspaces_of
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin

_ENDED = (UploadState.FINISHED, UploadState.FAILED)
_FIELD_OF = {"list_id": "list", "format": "file"}


class UploadForm(ScopedModelForm):
    name = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Empty: the name of the file.",
    )
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.ndjson,.jsonl"}),
        help_text="CSV with a header, or NDJSON. A column external_id or email says who each row is.",
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
        views = (("progress", self.progress_view), ("rejected", self.rejected_view))
        own = [
            path(f"<int:upload_id>/{name}/", self.admin_site.admin_view(view), name=f"audiences_upload_{name}")
            for name, view in views
        ]
        return [*own, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """An upload is watched, not changed."""
        upload = get_scoped_object_or_404(request, Upload.objects.select_related("list"), object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": upload.name,
            "upload": upload,
            "state": upload_state(upload),
        }
        return TemplateResponse(request, "volley/upload.html", context)

    def progress_view(self, request: HttpRequest, upload_id: int) -> JsonResponse:
        return JsonResponse(upload_state(get_scoped_object_or_404(request, Upload.objects.all(), upload_id)))

    def rejected_view(self, request: HttpRequest, upload_id: int) -> FileResponse:
        """The rows that were refused, each with the reason, as a file of the same kind."""
        upload = get_scoped_object_or_404(request, Upload.objects.all(), upload_id)
        if not upload.rejected_file:
            raise Http404
        name = f"rejected-{upload.pk}.{str(upload.rejected_file.name).rpartition('.')[2]}"
        return FileResponse(upload.rejected_file.open("rb"), as_attachment=True, filename=name)

    def save_model(self, request: HttpRequest, obj: Upload, form: Any, change: bool) -> None:
        """The form's service has saved it; the import may begin once that is certain."""
        transaction.on_commit(lambda: enqueue_import(obj.pk), robust=True)

    def response_add(self, request: HttpRequest, obj: Upload, post_url_continue: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:audiences_upload_change", args=[obj.pk]))


def upload_state(upload: Upload) -> dict[str, Any]:
    """What the page asks for each second."""
    ended = upload.state in _ENDED
    share = upload.bytes_read / upload.bytes_total if upload.bytes_total else 0
    return {
        "state": upload.state,
        "state_label": UploadState(upload.state).label,
        "ended": ended,
        "error": upload.error,
        "progress": 1 if upload.state == UploadState.FINISHED else min(share, 1),
        "counts": {
            name: getattr(upload, name) for name in ("rows_read", "created", "updated", "unchanged", "rejected")
        },
        "has_rejected_file": ended and bool(upload.rejected_file),
    }
