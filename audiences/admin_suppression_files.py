"""Suppressions as files, in the admin: one page to import one and to export them."""

from typing import Any

import orjson
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_http_methods
from unfold.decorators import action

from audiences.enqueue import enqueue_import
from audiences.models import Upload
from audiences.selectors import suppressions_of
from audiences.suppression_files import upload_suppressions
from audiences.suppression_rows import BOUNCE, COMPLAINT, MANUAL, UNSUBSCRIBED
from audiences.suppressions import EXPORTED, every_suppression
from common.channels import Type
from common.csv_export import csv_response
from common.errors import DomainError, FieldError, Invalid
from workspaces.admin_scope import actor_of, may, workspaces_of
from workspaces.models import Workspace
from workspaces.roles import Role

_FIXED = ("type", "reason", "source")
_LENGTHS = {"type": 10, "reason": 40, "source": 200}


class SuppressionFilesAdmin:
    """For the admin of suppressions: a button above the list, and the pages behind it."""

    actions_list = ("files",)

    @action(description="Import and export files", url_path="as-files")  # type: ignore[untyped-decorator]
    def files(self, request: HttpRequest) -> HttpResponse:
        return files_view(request)

    def get_urls(self) -> list[URLPattern]:
        site: Any = self.admin_site  # type: ignore[attr-defined]
        export = path("as-files/export/", site.admin_view(export_view), name="audiences_suppression_export")
        return [export, *super().get_urls()]  # type: ignore[misc]


@require_http_methods(["GET", "POST"])
def files_view(request: HttpRequest) -> HttpResponse:
    """Shows the page; a POST brings a file, whose import is watched on the page of the upload."""
    if request.method == "POST":
        upload = _take_in(request)
        if upload is not None:
            return HttpResponseRedirect(reverse("admin:audiences_upload_change", args=[upload.pk]))
    context = {
        **admin.site.each_context(request),
        "title": "Suppressions as files",
        "workspaces": list(workspaces_of(request)),
        "writable": list(workspaces_of(request, Role.EDITOR)),
        "types": Type.choices,
        "reasons": (BOUNCE, COMPLAINT, UNSUBSCRIBED, MANUAL),
        "typed": {name: request.POST.get(name, "") for name in ("workspace", "mapping", *_FIXED)},
    }
    return TemplateResponse(request, "volley/suppression_files.html", context)


@require_GET
def export_view(request: HttpRequest) -> StreamingHttpResponse:
    workspace = _chosen(request, request.GET.get("workspace"), Role.VIEWER)
    filters = {name: request.GET.get(name, "").replace("\0", "")[: _LENGTHS[name]] for name in _FIXED}
    if filters["type"] not in Type.values:
        filters["type"] = ""
    found = suppressions_of(workspace_id=workspace.pk, **filters)
    return csv_response("suppressions.csv", EXPORTED, every_suppression(found))


def _take_in(request: HttpRequest) -> Upload | None:
    """None where it can't be used, which is said."""
    workspace = _chosen(request, request.POST.get("workspace"), Role.EDITOR)
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, "Choose a file.")
        return None
    fixed = {name: value for name in _FIXED if (value := request.POST.get(name, "").strip())}
    try:
        upload = upload_suppressions(
            workspace_id=workspace.pk,
            file=file,
            fixed=fixed,
            mapping=_mapping(request.POST.get("mapping", "").strip()),
            actor=actor_of(request),
        )
    except DomainError as error:
        for message in dict.fromkeys([one.message for one in error.errors] or [error.detail]):
            messages.error(request, message)
        return None
    if upload.repeated:
        messages.warning(request, "The same file was imported before. This is what became of it.")
    else:
        transaction.on_commit(lambda: enqueue_import(upload.pk), robust=True)
    return upload


def _mapping(text: str) -> dict[str, str]:
    """Raises `Invalid` for what is no object of texts."""
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()):
        return found
    message = 'The mapping is column to field, as JSON: {"updated_at": "created_at", "created_at": ""}.'
    raise Invalid([FieldError("mapping", "wrong_type", message)])


def _chosen(request: HttpRequest, workspace_id: str | None, role: Role) -> Workspace:
    """Who has one workspace need not choose. A foreign one is not there."""
    mine = list(workspaces_of(request))
    found = [one for one in mine if str(one.pk) == workspace_id] if workspace_id else mine[:1]
    if not found:
        raise Http404
    if not may(request, found[0].pk, role):
        raise PermissionDenied
    return found[0]
