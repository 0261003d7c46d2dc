"""Providers, senders and the outbox in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from common.channels import Type
from providers.admin_http_fields import HTTP_FIELDS, HTTP_KINDS
from providers.admin_outbox import SandboxMessageAdmin
from providers.admin_provider_form import ProviderForm
from providers.buckets import in_words, read_slowed
from providers.defaults import make_default
from providers.mime_address import AddressError, wire_address
from providers.models import Kind, Provider, Sender
from providers.probing import probe
from workspaces.admin_forms import ScopedModelForm
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, workspace_ids
from workspaces.roles import Role
from workspaces.scoped_admin import ScopedModelAdmin

__all__ = ["ProviderAdmin", "SandboxMessageAdmin", "SenderAdmin"]


class _WithDefault(ScopedModelAdmin):
    """One of a type is the default; making one so takes it from the other."""

    change_role = Role.ADMIN
    actions = ("make_default_selected",)

    @admin.action(description="Make default", permissions=["change"])
    def make_default_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        queryset = queryset.filter(workspace_id__in=workspace_ids(request, self.change_role))
        if queryset.count() != 1:
            messages.error(request, "Choose one: only one can be the default of its type.")
            return
        row = queryset.get()
        make_default(row=row, actor=actor_of(request))
        messages.success(request, f"{row} is now the default.")


@admin.register(Provider)
class ProviderAdmin(_WithDefault):
    form = ProviderForm
    list_display = ("name", "kind", "type", "is_default", "enabled", "availability")
    list_filter = ("kind",)
    search_fields = ("name",)
    change_form_template = "volley/provider_form.html"

    class Media:
        js = ("admin/provider.js",)

    @admin.display(description="State")
    def availability(self, provider: Provider) -> str:
        if not provider.enabled:
            return "Switched off"
        if provider.unavailable_until and provider.unavailable_until > timezone.now():
            return f"Not answering: {provider.unavailable_reason}"
        slowed = read_slowed(provider.pk)
        return f"Ready, slowed down {in_words(slowed)}" if slowed else "Ready"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        head = ["name", "kind", "type", "enabled", "connections", "rate_per_second", "domain_rates"]
        if len(workspace_ids(request)) > 1:
            head.insert(0, "workspace")
        relay = ("host", "port", "security", "verify", "username", "password", "forget_password")
        of_kinds = (
            ((Kind.SMTP,), ("SMTP relay", {"fields": relay, "classes": ("provider-smtp",)})),
            (HTTP_KINDS, ("HTTP API", {"fields": HTTP_FIELDS, "classes": ("provider-http",)})),
        )
        shown = [fieldset for kinds, fieldset in of_kinds if obj is None or obj.kind in kinds]
        return ((None, {"fields": head}), *shown)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "kind") if obj else fields

    def get_urls(self) -> list[URLPattern]:
        test = path(
            "<int:provider_id>/test/",
            self.admin_site.admin_view(require_POST(self.test_view)),
            name="providers_provider_test",
        )
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, provider_id: int) -> HttpResponse:
        """*Test connection*: connects and signs in as it is saved, sends nothing."""
        provider = get_scoped_object_or_404(request, Provider.objects.all(), provider_id, role=Role.ADMIN)
        result = probe(provider)
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"ok": result.ok, "message": result.message, "details": list(result.details)})
        (messages.success if result.ok else messages.error)(request, result.message)
        return HttpResponseRedirect(reverse("admin:providers_provider_change", args=[provider.pk]))

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        if not change:
            actor = actor_of(request)
            obj.created_by_kind, obj.created_by_id, obj.created_by_name = actor.kind, actor.id, actor.name
        super().save_model(request, obj, form, change)


class SenderForm(ScopedModelForm):
    class Meta:
        model = Sender
        fields = ("workspace", "type", "name", "address", "reply_to")

    def clean_name(self) -> str:
        return _one_line(self.cleaned_data["name"])

    def clean_address(self) -> str:
        address = _one_line(self.cleaned_data["address"])
        if self.cleaned_data.get("type") == Type.EMAIL:
            try:
                wire_address(address)
            except AddressError as error:
                raise ValidationError(str(error)) from error
        return address


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValidationError("Write it in one line, without control characters.")
    return text


@admin.register(Sender)
class SenderAdmin(_WithDefault):
    form = SenderForm
    change_role = Role.EDITOR
    can_delete = True
    list_display = ("name", "address", "type", "reply_to", "is_default")
    list_filter = ("type",)
    search_fields = ("name", "address")
    fields = ("type", "name", "address", "reply_to")

    def save_model(self, request: HttpRequest, obj: Sender, form: Any, change: bool) -> None:
        if not change:
            actor = actor_of(request)
            obj.created_by_kind, obj.created_by_id, obj.created_by_name = actor.kind, actor.id, actor.name
        super().save_model(request, obj, form, change)
