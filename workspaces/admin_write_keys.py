"""Write keys in the admin: public, so that they stay readable; one that leaked to the wrong place is revoked."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from common.errors import DomainError
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, workspace_ids
from workspaces.models import WriteKey
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin
from workspaces.write_keys import create_write_key, revoke_write_key


class WriteKeyForm(ScopedModelForm):
    class Meta:
        model = WriteKey
        fields = ("workspace", "app", "name")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.instance = create_write_key(
                app=self.cleaned_data["app"], name=self.cleaned_data["name"], actor=actor_of(self.request)
            )
        except DomainError as error:
            show_errors(self, error)


@admin.register(WriteKey)
class WriteKeyAdmin(ServiceModelAdmin):
    form = WriteKeyForm
    change_role = Role.ADMIN
    can_change = False
    list_display = ("key", "app", "name", "state", "last_used_at", "made_by")
    list_select_related = ("app", "workspace")
    actions = ("revoke_selected",)

    @admin.display(description="State")
    def state(self, key: WriteKey) -> str:
        return f"Revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "Valid"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("app", "name")
        return ("app", "name", "key", "state", "last_used_at", "made_by", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, *self.get_fields(request, obj)) if obj else fields

    @admin.action(description="Revoke: they send nothing any more", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[WriteKey]) -> None:
        queryset = queryset.filter(workspace_id__in=workspace_ids(request, self.change_role))
        actor = actor_of(request)
        revoked = sum(
            revoke_write_key(key_id=key.pk, workspace_id=key.workspace_id, actor=actor)
            for key in queryset.order_by("pk")
        )
        messages.success(request, f"Revoked {revoked} of the keys chosen; the others were revoked before.")

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, Role.ADMIN)
