"""Batches that crashed their worker three times, over all workspaces of the person, and what can be done."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from common.errors import DomainError
from executions.admin_pages.live import get_execution_for_admin
from executions.enqueue import enqueue_drain
from executions.reading.batches import SHOWN_RECIPIENTS, batch_wires, set_aside_in
from executions.settling import set_aside
from workspaces.admin_scope import actor_of, may, workspace_ids
from workspaces.roles import Role

SHOWN = 200
_MOVES = {
    "release": (set_aside.release, "Batch {} is tried again."),
    "narrow": (set_aside.narrow, "Batch {} is tried again in parts; reload this page to see which of them crash."),
    "give_up": (set_aside.give_up, "Batch {} was given up; its recipients are recorded as failed."),
}


@require_GET
def quarantine_view(request: HttpRequest) -> HttpResponse:
    """The oldest first; with `execution`, of that one alone."""
    chosen = request.GET.get("execution", "")
    found = set_aside_in(workspace_ids(request))
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        found = found.filter(execution_id=int(chosen))
    batches = list(found.order_by("pk")[: SHOWN + 1])
    rows = [
        {**wire, "execution": batch.execution, "can_move": may(request, batch.workspace_id, Role.LAUNCHER)}
        for batch, wire in zip(batches, batch_wires(batches), strict=True)
    ]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Quarantine",
        "rows": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "chosen": chosen,
        "parts": set_aside.PARTS,
        "shown_recipients": SHOWN_RECIPIENTS,
    }
    return TemplateResponse(request, "volley/quarantine.html", context)


@require_POST
def batch_view(request: HttpRequest, execution_id: int) -> HttpResponse:
    """Releases, narrows down or gives up one batch."""
    execution = get_execution_for_admin(request, execution_id, role=Role.LAUNCHER)
    move, words = _MOVES.get(request.POST.get("move", ""), (None, ""))
    batch_id = request.POST.get("batch", "")
    if move is None or not (batch_id.isascii() and batch_id.isdigit() and len(batch_id) < 19):
        return HttpResponseBadRequest("Name a batch, and a move: release, narrow or give_up.")
    try:
        with transaction.atomic():
            move(
                execution_id=execution.pk,
                workspace_id=execution.workspace_id,
                batch_id=int(batch_id),
                actor=actor_of(request),
            )
            transaction.on_commit(lambda: enqueue_drain(execution_id), robust=True)
        messages.success(request, words.format(batch_id))
    except DomainError as error:
        messages.error(request, error.detail)
    back = reverse("admin:executions_execution_quarantine")
    return HttpResponseRedirect(f"{back}?execution={execution_id}" if request.POST.get("chosen") else back)
