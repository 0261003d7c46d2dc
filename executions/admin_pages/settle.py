"""Settling unknown deliveries by hand: chosen on the page of deliveries, confirmed here."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from common.errors import DomainError
from executions.admin_pages.live import get_execution_for_admin
from executions.models import Execution
from executions.settling.unknowns import MOST_IDS, NOTE_LENGTH, OUTCOMES, count_unknown, settle_unknown
from executions.states import Outcome
from workspaces.admin_scope import actor_of
from workspaces.roles import Role


@require_POST
def settle_view(request: HttpRequest, execution_id: int) -> HttpResponse:
    """First the question, what that means; with `confirmed`, it is done."""
    execution = get_execution_for_admin(request, execution_id, role=Role.LAUNCHER)
    outcome = request.POST.get("outcome", "")
    if outcome not in OUTCOMES:
        return HttpResponseBadRequest("The outcome is sent or failed.")
    named = None if request.POST.get("all") else request.POST.getlist("delivery")[:MOST_IDS]
    if named == []:
        messages.error(request, "Choose deliveries first, or settle all.")
        return HttpResponseRedirect(_unknown(execution))
    if not request.POST.get("confirmed"):
        return _ask(request, execution, outcome, named)
    return _settle(request, execution, outcome, named)


def _ask(request: HttpRequest, execution: Execution, outcome: str, named: list[str] | None) -> HttpResponse:
    count = count_unknown(execution) if named is None else len(named)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Settle {count:,} {'delivery' if count == 1 else 'deliveries'} as {outcome}?",
        "execution": execution,
        "outcome": outcome,
        "named": named,
        "count": count,
        "back": _unknown(execution),
        "note_length": NOTE_LENGTH,
        "retry": Execution.objects.filter(retry_of=execution).first(),
    }
    return TemplateResponse(request, "volley/settle.html", context)


def _settle(request: HttpRequest, execution: Execution, outcome: str, named: list[str] | None) -> HttpResponse:
    try:
        done = settle_unknown(
            execution_id=execution.pk,
            workspace_id=execution.workspace_id,
            outcome=Outcome[outcome.upper()],
            delivery_ids=named,
            note=" ".join(request.POST.get("note", "").replace("\0", "").split())[:NOTE_LENGTH],
            actor=actor_of(request),
        )
    except DomainError as error:
        for message in dict.fromkeys([field.message for field in error.errors] or [error.detail]):
            messages.error(request, message)
        return HttpResponseRedirect(_unknown(execution))
    words = "1 delivery was" if done.settled == 1 else f"{done.settled:,} deliveries were"
    messages.success(request, f"{words} settled as {outcome}. Still unknown: {done.left:,}.")
    if done.left:
        return HttpResponseRedirect(_unknown(execution))
    return HttpResponseRedirect(reverse("admin:executions_execution_live", args=[execution.pk]))


def _unknown(execution: Execution) -> str:
    return reverse("admin:executions_execution_deliveries", args=[execution.pk]) + "?outcome=unknown"
