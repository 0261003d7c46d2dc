"""Contacts, lists, suppressions and uploads in the admin."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from audiences.admin_forms import ListForm, SuppressionForm
from audiences.admin_suppression_files import SuppressionFilesAdmin
from audiences.admin_uploads import UploadAdmin
from audiences.lists import archive_list
from audiences.models import Address, Contact, List, ListMembership, Suppression
from audiences.rights.admin_fields import RightsFields
from audiences.segments.admin import SegmentAdmin
from audiences.suppressions import remove_suppression
from workspaces.admin_scope import actor_of, workspace_ids
from workspaces.roles import Role
from workspaces.scoped_admin import ScopedModelAdmin, ScopedTabularInline, ServiceModelAdmin

__all__ = ["ContactAdmin", "ListAdmin", "SegmentAdmin", "SuppressionAdmin", "UploadAdmin"]

COUNTED = 10_000
_MEMBERS = """
    (SELECT count(*) FROM (
        SELECT FROM audiences_listmembership m WHERE m.list_id = audiences_list.id LIMIT %s
    ) counted)
"""


class AddressInline(ScopedTabularInline):
    model = Address
    fields = ("type", "app", "value", "platform", "state", "consent", "consent_source", "consent_at")
    readonly_fields = fields
    show_change_link = False


class ListFilter(admin.SimpleListFilter):
    """One list's members; reached by the link from the list."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = self._chosen(request)
        return [(str(chosen.pk), chosen.name)] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self._chosen(request)
        if chosen is None:
            return queryset
        return queryset.filter(Exists(ListMembership.objects.filter(list_id=chosen.pk, contact_id=OuterRef("pk"))))

    @staticmethod
    def _chosen(request: HttpRequest) -> List | None:
        text = request.GET.get("list", "")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            return None
        return List.objects.filter(workspace_id__in=workspace_ids(request), pk=int(text)).first()


@admin.register(Contact)
class ContactAdmin(RightsFields, ScopedModelAdmin):
    """People come in by upload or API; here they are looked up."""

    can_add = can_change = False
    list_display = ("shown_id", "locale", "timezone", "shown_attributes", "temporary", "updated_at")
    list_filter = (ListFilter,)
    search_fields = ("external_id",)
    search_help_text = "A whole external id, email address, phone number or token"
    inlines = (AddressInline,)
    fields = (
        "external_id",
        "locale",
        "timezone",
        "pretty_attributes",
        "events",
        "consents",
        "export",
        "erasing",
        "temporary",
        "created_at",
        "updated_at",
    )
    readonly_fields = ("pretty_attributes", "events", "consents", "export", "erasing", "created_at", "updated_at")

    @admin.display(description="External id")
    def shown_id(self, contact: Contact) -> str:
        return str(contact)

    @admin.display(description="Attributes")
    def shown_attributes(self, contact: Contact) -> str:
        text = json.dumps(contact.attributes, ensure_ascii=False)
        return text if len(text) <= 80 else text[:79] + "…"

    @admin.display(description="Attributes")
    def pretty_attributes(self, contact: Contact) -> str:
        text = json.dumps(contact.attributes, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="v-code">{}</pre>', text)

    @admin.display(description="Events")
    def events(self, contact: Contact) -> str:
        named = contact.external_id or contact.addresses.order_by("pk").values_list("value", flat=True).first()
        query = urlencode({"workspace": str(contact.workspace_id), "person": named or ""})
        url = f"{reverse('admin:audiences_event_changelist')}?{query}"
        return format_html('<a class="v-link" href="{}">What they did</a>', url)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Whole values only, so that indexes answer however many contacts there are."""
        term = search_term.strip()
        if not term:
            return queryset, False
        ids = workspace_ids(request)
        addresses = Address.objects.filter(workspace_id__in=ids, value__in={term, term.lower()})
        by_address = addresses.order_by("pk").values_list("contact_id", flat=True)[:100]
        return queryset.filter(Q(workspace_id__in=ids, external_id=term) | Q(pk__in=list(by_address))), False


@admin.register(List)
class ListAdmin(ServiceModelAdmin):
    form = ListForm
    list_display = ("name", "description", "members", "workspace", "made_by", "created_at")
    list_select_related = ("workspace",)
    search_fields = ("name",)
    actions = ("archive_selected",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[List]:
        found = super().get_queryset(request).filter(archived_at__isnull=True)
        counted: QuerySet[List] = found.annotate(counted=RawSQL(_MEMBERS, [COUNTED + 1]))  # noqa: S611
        return counted

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "description", "members") if obj else ("name", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "members") if obj else fields

    @admin.display(description="Contacts")
    def members(self, row: List) -> str:
        """Counted up to a limit: a list of millions costs what one of ten thousand does."""
        found: int = row.counted  # type: ignore[attr-defined]
        shown = f"more than {COUNTED:,}" if found > COUNTED else f"{found:,}"
        return format_html('<a class="v-link" href="/admin/audiences/contact/?list={}">{}</a>', row.pk, shown)

    @admin.action(description="Archive", permissions=["change"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[List]) -> None:
        allowed = queryset.filter(workspace_id__in=workspace_ids(request, Role.EDITOR)).order_by("pk")
        rows = list(allowed)
        for row in rows:
            archive_list(list_id=row.pk, workspace_id=row.workspace_id, actor=actor_of(request))
        messages.success(request, f"Archived: {len(rows)}.")


@admin.register(Suppression)
class SuppressionAdmin(SuppressionFilesAdmin, ServiceModelAdmin):
    form = SuppressionForm
    can_change = False
    can_delete = True
    list_display = ("value", "type", "reason", "shown_others", "source", "workspace", "created_at")
    list_filter = ("type",)
    list_select_related = ("workspace",)
    search_fields = ("value",)
    search_help_text = "A whole address"
    fields = ("type", "value", "reason", "source")
    readonly_fields = ("every_other", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return (*fields, "every_other", "created_at") if obj else fields

    @admin.display(description="Other reasons")
    def shown_others(self, row: Suppression) -> str:
        return ", ".join(one["reason"] for one in row.other_reasons) or "–"

    @admin.display(description="Other reasons")
    def every_other(self, row: Suppression) -> str:
        told = (
            (one["reason"], one["source"] and f" ({one['source']})", one["created_at"][:16].replace("T", " "))
            for one in row.other_reasons
        )
        return format_html_join("", "{}{}, {} UTC<br>", told) or "–"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        return (queryset.filter(value__in={term, term.lower()}) if term else queryset), False

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        suppression_id = obj.pk
        remove_suppression(suppression_id=suppression_id, workspace_id=obj.workspace_id, actor=actor_of(request))
        if Suppression.objects.filter(pk=suppression_id).exists():
            messages.warning(request, f"{obj.value} unsubscribed too: that is left. Delete it once more to lift it.")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        for row in queryset.filter(workspace_id__in=workspace_ids(request, self.change_role)).order_by("pk"):
            self.delete_model(request, row)
