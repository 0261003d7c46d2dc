"""Launches that recur: the list of schedules, and each one's runs, past and to come."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_POST

from common.errors import DomainError
from executions.admin_pages.audience_words import audience_words
from executions.models import Execution, Schedule, ScheduleState
from executions.scheduling import control
from executions.scheduling.selectors import actions_of, runs_to_come
from executions.timing.models import LocalPast
from executions.timing.recurrence import RECIPIENT
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, may
from workspaces.roles import Role
from workspaces.scoped_admin import ScopedModelAdmin

_MOVES = {"pause": control.pause_schedule, "resume": control.resume_schedule, "cancel": control.cancel_schedule}
_SHOWN_EXECUTIONS = 20
_PASTS: dict[str, Any] = dict(LocalPast.choices)


class ScheduleStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in ScheduleState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in ScheduleState.values else queryset


@admin.register(Schedule)
class ScheduleAdmin(ScopedModelAdmin):
    can_add = can_change = False
    audits = False
    list_display = ("name", "shown_state", "rrule", "clock", "next_run_at", "runs", "made_by")
    list_display_links = None
    list_filter = (ScheduleStateFilter,)
    list_select_related = ("campaign",)
    search_fields = ("campaign__name",)
    search_help_text = "Part of the campaign's name"

    @admin.display(description="Schedule")
    def name(self, schedule: Schedule) -> str:
        url = reverse("admin:executions_schedule_runs", args=[schedule.pk])
        return format_html('<a class="v-link" href="{}">{} #{}</a>', url, schedule.campaign, schedule.pk)

    @admin.display(description="State")
    def shown_state(self, schedule: Schedule) -> str:
        label = schedule.get_state_display()
        return format_html('<span class="v-state v-state-{}">{}</span>', schedule.state, label)

    @admin.display(description="By the clocks of")
    def clock(self, schedule: Schedule) -> str:
        return clock_words(schedule.timezone)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """A schedule is looked at on the page of its runs."""
        found = get_scoped_object_or_404(request, Schedule.objects.all(), object_id)
        return HttpResponseRedirect(reverse("admin:executions_schedule_runs", args=[found.pk]))

    def get_urls(self) -> list[URLPattern]:
        views = (("runs", runs_view), ("move", move_view))
        own = [
            path(f"<int:schedule_id>/{name}/", self.admin_site.admin_view(view), name=f"executions_schedule_{name}")
            for name, view in views
        ]
        return [*own, *super().get_urls()]


def clock_words(timezone: str) -> str:
    return "each recipient" if timezone == RECIPIENT else timezone


@require_GET
def runs_view(request: HttpRequest, schedule_id: int) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    context = {
        **admin.site.each_context(request),
        "title": f"{schedule.campaign} #{schedule.pk}",
        "schedule": schedule,
        "clock": clock_words(schedule.timezone),
        "past": _PASTS.get(schedule.when_past),
        "next_runs": runs_to_come(schedule),
        "executions": Execution.objects.filter(schedule=schedule).order_by("-pk")[:_SHOWN_EXECUTIONS],
        "audience": audience_words(workspace_id=schedule.workspace_id, audience=schedule.request["audience"]),
        "cut_off": _cut_off_words(schedule.request.get("cut_off")),
        "actions": actions_of(schedule) if may(request, schedule.workspace_id, Role.LAUNCHER) else [],
    }
    return TemplateResponse(request, "volley/schedule.html", context)


@require_POST
def move_view(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Pause, resume or cancel."""
    schedule = _schedule(request, schedule_id, role=Role.LAUNCHER)
    move = _MOVES.get(request.POST.get("move", ""))
    if move is None:
        return HttpResponseBadRequest("The move is pause, resume or cancel.")
    try:
        move(schedule_id=schedule.pk, workspace_id=schedule.workspace_id, actor=actor_of(request))
    except DomainError as error:
        messages.error(request, error.detail)
    return HttpResponseRedirect(reverse("admin:executions_schedule_runs", args=[schedule.pk]))


def _schedule(request: HttpRequest, schedule_id: int, *, role: Role = Role.VIEWER) -> Schedule:
    found: Schedule = get_scoped_object_or_404(
        request, Schedule.objects.select_related("campaign"), schedule_id, role=role
    )
    return found


def _cut_off_words(asked: dict[str, Any] | None) -> str:
    if not asked:
        return ""
    if "after_seconds" in asked:
        hours = asked["after_seconds"] / 3600
        return f"{hours:g} hour{'' if hours == 1 else 's'} after each run"
    return f"{asked['local_time']}, by the same clocks"
