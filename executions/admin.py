"""Executions, caps and quiet hours in the admin. Executions are made by launching, and moved by their buttons alone."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from executions.admin_pages import deliveries, live, quarantine, retry, settle
from executions.admin_pages.caps import FrequencyCapAdmin
from executions.admin_pages.quiet_hours import QuietHoursAdmin
from executions.admin_pages.schedules import ScheduleAdmin
from executions.admin_pages.triggered import hour_words
from executions.models import Execution
from executions.states import State
from workspaces.admin_scope import get_scoped_object_or_404
from workspaces.scoped_admin import ScopedModelAdmin

__all__ = ["ExecutionAdmin", "FrequencyCapAdmin", "QuietHoursAdmin", "ScheduleAdmin"]


class CampaignFilter(admin.SimpleListFilter):
    """One campaign's executions; reached by the link from the campaign."""

    title = "campaign"
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name, "")
        return [(chosen, f"#{chosen}")] if _is_id(chosen) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(campaign_id=int(chosen)) if _is_id(chosen) else queryset


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


@admin.register(Execution)
class ExecutionAdmin(ScopedModelAdmin):
    can_add = can_change = False
    audits = False
    list_display = ("name", "type", "shown_state", "size", "made_by", "created_at", "scheduled_for")
    list_display_links = None
    list_filter = ("type", StateFilter, CampaignFilter)
    list_select_related = ("campaign",)
    search_fields = ("campaign_name",)
    search_help_text = "Part of the campaign's name"

    @admin.display(description="Execution")
    def name(self, execution: Execution) -> str:
        url = reverse("admin:executions_execution_live", args=[execution.pk])
        hour = f" triggered, {hour_words(execution)}" if execution.accepts_until else ""
        return format_html('<a class="v-link" href="{}">{}</a><span class="v-quiet">{}</span>', url, execution, hour)

    @admin.display(description="State")
    def shown_state(self, execution: Execution) -> str:
        label = execution.get_state_display()
        return format_html('<span class="v-state v-state-{}">{}</span>', execution.state, label)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """An execution is looked at on its live page."""
        found = get_scoped_object_or_404(request, Execution.objects.all(), object_id)
        return HttpResponseRedirect(reverse("admin:executions_execution_live", args=[found.pk]))

    def get_urls(self) -> list[URLPattern]:
        views = (
            ("live", live.live_view, "live"),
            ("progress", live.progress_view, "progress"),
            ("move", live.move_view, "move"),
            ("deliveries", deliveries.deliveries_view, "deliveries"),
            ("settle", settle.settle_view, "settle"),
            ("retry", retry.retry_view, "retry"),
            ("batch", quarantine.batch_view, "batch"),
        )
        everywhere = path(
            "quarantine/",
            self.admin_site.admin_view(quarantine.quarantine_view),
            name="executions_execution_quarantine",
        )
        own = [
            path(
                f"<int:execution_id>/{suffix}/",
                self.admin_site.admin_view(view),
                name=f"executions_execution_{name}",
            )
            for suffix, view, name in views
        ]
        return [everywhere, *own, *super().get_urls()]
