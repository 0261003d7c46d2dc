"""API keys in the admin: the key is shown on the page that answers its making, and never again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from common.errors import DomainError
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of
from workspaces.keys import NewKey, create_api_key, revoke_api_key
from workspaces.models import ApiKey
from workspaces.roles import Role, Scope
from workspaces.scoped_admin import ServiceModelAdmin


class ApiKeyForm(ScopedModelForm):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        initial=Scope.values,
        help_text="What the key may do. Give it no more than it needs.",
    )

    class Meta:
        model = ApiKey
        fields = ("workspace", "name", "scopes", "expires_at")

    made: NewKey

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.made = create_api_key(
                workspace=self.instance.workspace,
                name=self.cleaned_data["name"],
                scopes=self.cleaned_data["scopes"],
                expires_at=self.cleaned_data.get("expires_at"),
                actor=actor_of(self.request),
            )
            self.instance = self.made.key
        except DomainError as error:
            show_errors(self, error)


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceModelAdmin):
    form = ApiKeyForm
    view_role = change_role = Role.ADMIN
    can_change = False
    list_display = ("name", "prefix", "workspace", "state", "last_used_at", "made_by")
    list_select_related = ("workspace",)
    actions = ("revoke_selected",)

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return f"Revoked {key.revoked_at:%Y-%m-%d}"
        if key.expires_at and key.expires_at <= timezone.now():
            return f"Expired {key.expires_at:%Y-%m-%d}"
        return f"Valid until {key.expires_at:%Y-%m-%d}" if key.expires_at else "Valid"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "scopes", "expires_at")
        return (
            "name",
            "prefix",
            "shown_scopes",
            "state",
            "expires_at",
            "last_used_at",
            "made_by",
            "created_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, *self.get_fields(request, obj)) if obj else fields

    @admin.display(description="Scopes")
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        request._volley_plain_key = form.made.plain  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        """Not a redirect: the key is in this answer alone, and in no session."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The new API key",
            "key": obj,
            "plain": request._volley_plain_key,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "volley/new_api_key.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Revoke: they open nothing any more", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        actor = actor_of(request)
        revoked = sum(
            revoke_api_key(key_id=key.pk, workspace_id=key.workspace_id, actor=actor) for key in queryset.order_by("pk")
        )
        messages.success(request, f"Revoked {revoked} of the keys chosen; the others were revoked before.")

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, Role.ADMIN)
