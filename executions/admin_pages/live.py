"""The live page of an execution: what became of it so far, why it waits, and its buttons."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from common.errors import DomainError
from executions.admin_pages.audience_words import audience_words
from executions.admin_pages.triggered import hour_words
from executions.delivery.domains import domain_of_batch
from executions.enqueue import enqueue_next
from executions.launching import control
from executions.models import Execution
from executions.reading.progress import SET_ASIDE, execution_wire, progress_of
from executions.reading.waiting import waiting_in_words
from executions.states import ENDED, FailReason, SkipReason, State
from executions.timing.local_time import LOCAL_TIME
from executions.timing.wire import asked_wall
from providers.models import Kind
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, may
from workspaces.roles import Role

_MOVES = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
_WAITS = {
    "ready": "next in line",
    "retry": "to be tried again",
    "resend": "to be sent again: it may have arrived",
    "throttled": "slowed down by the provider",
    "frequency_cap": "waiting for a slot under a frequency cap",
    LOCAL_TIME: "waiting for their local hour",
    SET_ASIDE: "set aside: their batch crashed its worker three times",
}
_WORDS: dict[str, str] = {**dict(SkipReason.choices), **dict(FailReason.choices), **_WAITS}
_OUTCOMES = ("sent", "skipped", "failed", "unknown", "pending")


@require_GET
def live_view(request: HttpRequest, execution_id: int) -> HttpResponse:
    execution = get_execution_for_admin(request, execution_id)
    can_launch = _can_launch(request, execution)
    context = {
        **admin.site.each_context(request),
        "title": str(execution),
        "execution": execution,
        "state": live_state(execution, can_launch=can_launch),
        "can_launch": can_launch,
        "hour": hour_words(execution),
        "audience": audience_words(workspace_id=execution.workspace_id, audience=execution.audience),
        "personalization": json.dumps(execution.personalization, ensure_ascii=False),
        "event_properties": json.dumps((execution.event or {}).get("properties"), ensure_ascii=False),
        "asked_wall": asked_wall(execution),
        "keeps_messages": execution.provider.kind == Kind.SANDBOX,
    }
    return TemplateResponse(request, "volley/live.html", context)


@require_GET
def progress_view(request: HttpRequest, execution_id: int) -> JsonResponse:
    """What the page asks for each second."""
    execution = get_execution_for_admin(request, execution_id)
    answer = JsonResponse(live_state(execution, can_launch=_can_launch(request, execution)))
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
def move_view(request: HttpRequest, execution_id: int) -> HttpResponse:
    """Pause, resume or cancel."""
    execution = get_execution_for_admin(request, execution_id, role=Role.LAUNCHER)
    move = _MOVES.get(request.POST.get("move", ""))
    if move is None:
        return HttpResponseBadRequest("The move is pause, resume or cancel.")
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        with transaction.atomic():
            moved = move(execution_id=execution.pk, workspace_id=execution.workspace_id, actor=actor_of(request))
            transaction.on_commit(lambda: enqueue_next(moved.pk, moved.state), robust=True)
    except DomainError as error:
        if wants_json:
            return JsonResponse({"message": error.detail}, status=error.status)
        messages.error(request, error.detail)
    if wants_json:
        return JsonResponse(live_state(get_execution_for_admin(request, execution_id), can_launch=True))
    return HttpResponseRedirect(reverse("admin:executions_execution_live", args=[execution_id]))


def live_state(execution: Execution, *, can_launch: bool) -> dict[str, Any]:
    """An execution as the page draws it: numbers from the batches, and reasons in words."""
    progress = progress_of([execution])[execution.pk]
    wire = execution_wire(execution, progress)
    return {
        "state": execution.state,
        "state_label": State(execution.state).label,
        "ended": execution.state in ENDED,
        "size": execution.size,
        "progress": wire["progress"],
        "rate_per_second": wire["rate_per_second"],
        "eta_seconds": wire["eta_seconds"],
        "waiting": waiting_in_words(execution, progress.waiting),
        "state_reason": wire["state_reason"],
        "outcomes": [
            {
                "name": name,
                "count": progress.counts[name],
                "reasons": [
                    {"name": reason, "words": _in_words(reason), "count": count}
                    for reason, count in sorted(progress.reasons.get(name, {}).items(), key=lambda pair: -pair[1])
                ],
            }
            for name in _OUTCOMES
        ],
        "actions": wire["actions"] if can_launch else [],
        "may_retry": "retry-failed" in wire["actions"],
        "to_retry": progress.counts["failed"],
        "to_settle": progress.counts["unknown"],
        "set_aside": progress.set_aside,
        "retried_by": progress.retried_by,
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
    }


def _in_words(reason: str) -> str:
    domain = domain_of_batch(reason)
    if domain is not None:
        return f"waiting for the rate of {domain}"
    return _WORDS.get(reason, reason.replace("_", " "))


def get_execution_for_admin(request: HttpRequest, execution_id: int, *, role: Role = Role.VIEWER) -> Execution:
    found = Execution.objects.select_related("template_version__template", "provider", "sender", "campaign")
    return get_scoped_object_or_404(request, found.defer("rejected"), execution_id, role=role)


def _can_launch(request: HttpRequest, execution: Execution) -> bool:
    return may(request, execution.workspace_id, Role.LAUNCHER)
