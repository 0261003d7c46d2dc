"""The ledger of one execution: a page of rows by key, filtered by outcome and reason."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from common.pagination import PageRequest
from executions.admin_pages.live import get_execution_for_admin
from executions.models import Execution
from executions.reading.deliveries import key_of, read_deliveries
from executions.settling.unknowns import count_unknown
from executions.states import FailReason, Outcome, SkipReason
from workspaces.admin_scope import may
from workspaces.roles import Role

PER_PAGE = 50
_REASONS = (*SkipReason.values, *FailReason.values)
_KEY_LIMIT = 2**63


@require_GET
def deliveries_view(request: HttpRequest, execution_id: int) -> HttpResponse:
    execution = get_execution_for_admin(request, execution_id)
    filters = _filters(request)
    page = read_deliveries(execution, _page_request(request), filters)
    settling = bool(page.rows) and _settles(request, execution, filters)
    context = {
        **admin.site.each_context(request),
        "title": f"Deliveries of {execution}",
        "execution": execution,
        "rows": page.rows,
        "filters": filters,
        "outcomes": [outcome.label for outcome in Outcome],
        "reasons": _REASONS,
        "settling": settling,
        "unknown": count_unknown(execution) if settling else None,
        "newer_url": _url(filters, "before", page.rows[0]) if page.rows and page.before else None,
        "older_url": _url(filters, "after", page.rows[-1]) if page.rows and page.after else None,
    }
    return TemplateResponse(request, "volley/deliveries.html", context)


def _settles(request: HttpRequest, execution: Execution, filters: dict[str, str]) -> bool:
    """Only what is unknown can be chosen, by those who may launch."""
    return filters.get("outcome") == Outcome.UNKNOWN.label and may(request, execution.workspace_id, Role.LAUNCHER)


def _filters(request: HttpRequest) -> dict[str, str]:
    """Words that mean nothing are left out."""
    found = {}
    if request.GET.get("outcome") in {outcome.label for outcome in Outcome}:
        found["outcome"] = request.GET["outcome"]
    if request.GET.get("reason") in _REASONS:
        found["reason"] = request.GET["reason"]
    if wanted := request.GET.get("external_id", "").strip()[:255]:
        found["external_id"] = wanted
    return found


def _page_request(request: HttpRequest) -> PageRequest:
    for name in ("after", "before"):
        key = _read_key(request.GET.get(name, ""))
        if key is not None:
            return PageRequest(PER_PAGE, key, backwards=name == "before")
    return PageRequest(PER_PAGE)


def _url(filters: dict[str, str], name: str, row: dict[str, Any]) -> str:
    contact_id, address_id = key_of(row)
    return "?" + urlencode({**filters, name: f"{contact_id}-{address_id}"})


def _read_key(text: str) -> tuple[int, int] | None:
    first, _, second = text.partition("-")
    if not (first.isascii() and first.isdigit() and second.isascii() and second.isdigit() and len(text) < 40):
        return None
    key = (int(first), int(second))
    return key if max(key) < _KEY_LIMIT else None
