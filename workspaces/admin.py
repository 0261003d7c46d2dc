"""Setup pages: workspaces, apps, memberships, and the audit trail."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from common.wall_clock import zone_names
from workspaces.admin_forms import ScopedModelForm
from workspaces.admin_keys import ApiKeyAdmin
from workspaces.admin_scope import actor_of
from workspaces.admin_users import UserAdmin
from workspaces.admin_write_keys import WriteKeyAdmin
from workspaces.models import App, AuditEntry, Membership, Workspace
from workspaces.roles import Role
from workspaces.scoped_admin import ScopedModelAdmin
from workspaces.write_keys import create_write_key

__all__ = [
    "ApiKeyAdmin",
    "AppAdmin",
    "AuditEntryAdmin",
    "MembershipAdmin",
    "UserAdmin",
    "WorkspaceAdmin",
    "WriteKeyAdmin",
]

if admin.site.is_registered(Group):
    admin.site.unregister(Group)


class WorkspaceForm(ScopedModelForm):
    class Meta:
        model = Workspace
        fields = ("name", "slug", "timezone", "requires_approval")

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"]
        if zone not in zone_names():
            raise ValidationError("There is no such time zone. Write it like Europe/Berlin or America/Sao_Paulo.")
        return zone


@admin.register(Workspace)
class WorkspaceAdmin(ScopedModelAdmin):
    form = WorkspaceForm
    workspace_path = "pk"
    change_role = Role.ADMIN
    list_display = ("name", "slug", "timezone", "requires_approval")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "timezone", "requires_approval")
    prepopulated_fields = {"slug": ("name",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.prepopulated_fields if obj is None else {}


@admin.register(App)
class AppAdmin(ScopedModelAdmin):
    change_role = Role.ADMIN
    list_display = ("app_id", "name", "workspace")
    list_select_related = ("workspace",)
    search_fields = ("app_id", "name")
    fields = ("app_id", "name", "shown_write_keys")
    readonly_fields = ("shown_write_keys",)

    @admin.display(description="Write keys")
    def shown_write_keys(self, app: App) -> str:
        """Public by design: an SDK ships it; so everybody who sees the app sees it."""
        if not app.pk:
            return "The first one is made when the app is saved."
        keys = app.write_keys.filter(revoked_at=None).order_by("pk").values_list("key")
        return format_html_join(" ", '<code class="v-code">{}</code>', keys) or "None; make one under Write keys."

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            create_write_key(app=obj, actor=actor_of(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """API callers and SDKs know an app by its id, so that it never changes."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "app_id") if obj else fields


@admin.register(Membership)
class MembershipAdmin(ScopedModelAdmin):
    change_role = Role.ADMIN
    can_delete = True
    list_display = ("user", "workspace", "role")
    list_filter = ("role",)
    list_select_related = ("user", "workspace")
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)
    fields = ("user", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "user") if obj else fields


class ObjectTypeFilter(admin.SimpleListFilter):
    title = "kind of thing"
    parameter_name = "object_type"
    KINDS = (
        "campaign",
        "execution",
        "template",
        "list",
        "upload",
        "suppression",
        "provider",
        "sender",
        "frequency_cap",
        "quiet_hours",
        "api_key",
        "write_key",
        "app",
        "membership",
        "user",
        "workspace",
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind.replace("_", " ").capitalize()) for kind in self.KINDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(object_type=self.value()) if self.value() in self.KINDS else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ScopedModelAdmin):
    """Written by services; nobody changes it."""

    can_add = can_change = False
    list_display = ("at", "actor_name", "action", "object_type", "object_name", "workspace")
    list_filter = (ObjectTypeFilter,)
    list_select_related = ("workspace",)
    fields = ("at", "actor_name", "actor_kind", "action", "object_type", "object_id", "object_name", "shown_details")
    readonly_fields = ("shown_details",)

    @admin.display(description="Details")
    def shown_details(self, entry: AuditEntry) -> str:
        text = json.dumps(entry.details, indent=2, ensure_ascii=False)
        return format_html('<pre class="v-code">{}</pre>', text)
