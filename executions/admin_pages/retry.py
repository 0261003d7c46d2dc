"""Retrying what failed: a page that says how many and what will happen, and the button."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from common.errors import DomainError
from executions.admin_pages.live import get_execution_for_admin
from executions.enqueue import enqueue_next
from executions.launching.retrying import DEFAULT, OVER, RETRIABLE, count_to_retry, retry_failed
from executions.models import Execution
from workspaces.admin_scope import actor_of
from workspaces.roles import Role


@require_http_methods(["GET", "HEAD", "POST"])
def retry_view(request: HttpRequest, execution_id: int) -> HttpResponse:
    execution = get_execution_for_admin(request, execution_id, role=Role.LAUNCHER)
    return _retry(request, execution) if request.method == "POST" else _ask(request, execution)


def _ask(request: HttpRequest, execution: Execution) -> HttpResponse:
    retry = Execution.objects.filter(retry_of=execution).first()
    if retry is not None:
        return HttpResponseRedirect(_live(retry.pk))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Retry what failed in {execution}",
        "execution": execution,
        "over": execution.state in OVER,
        "counts": {outcome: count_to_retry(execution_id=execution.pk, include=[outcome]) for outcome in RETRIABLE},
        "needs_approval": execution.campaign.workspace.requires_approval,
    }
    return TemplateResponse(request, "volley/retry.html", context)


def _retry(request: HttpRequest, execution: Execution) -> HttpResponse:
    include = [outcome for outcome in RETRIABLE if outcome in request.POST.getlist("include")] or list(DEFAULT)
    try:
        with transaction.atomic():
            retry = retry_failed(
                execution_id=execution.pk,
                workspace_id=execution.workspace_id,
                actor=actor_of(request),
                include=include,
            )
            made = retry.execution
            if retry.made:
                transaction.on_commit(lambda: enqueue_next(made.pk, made.state), robust=True)
    except DomainError as error:
        for message in [field.message for field in error.errors] or [error.detail]:
            messages.error(request, message)
        return HttpResponseRedirect(reverse("admin:executions_execution_retry", args=[execution.pk]))
    if not retry.made:
        messages.info(request, "It was retried already: this is the retry.")
    return HttpResponseRedirect(_live(made.pk))


def _live(execution_id: int) -> str:
    return reverse("admin:executions_execution_live", args=[execution_id])
