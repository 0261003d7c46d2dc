"""Uploads in the admin: a file is chosen by mouse, imported in the background, and watched."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audiences.models import Upload
from workspaces.admin_scope import ScopedModelAdmin


@admin.register(Upload)
class UploadAdmin(ScopedModelAdmin):
    can_add = can_change = False
    audits = False
    list_display = ("name", "state", "rows_read", "created", "updated", "rejected", "created_by_name", "created_at")
    list_filter = ("state",)
    search_fields = ("name",)
    fields = ("name", "state", "rows_read", "created", "updated", "unchanged", "rejected")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *(self.fields if obj else ()))
