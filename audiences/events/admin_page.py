"""The events page: the last ones of a workspace, as they arrive, each with all that was sent."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from audiences.events.content import ID_LENGTH, NAME_LENGTH
from audiences.events.models import Event, EventSource
from audiences.events.selectors import NEWEST_FIRST, addresses_of, events_of, events_on_wire, people_named
from common.pagination import Page, PageRequest, read_rows
from common.rendering import dump
from workspaces.admin_scope import workspaces_of
from workspaces.models import Workspace

PER_PAGE = 50
_LARGEST_ID = 2**63 - 1


# What events of a workspace triggered, by event id, as the page shows it: known to the apps above.
Triggered = Callable[[int, Sequence[Event]], Mapping[int, Any]]


def event_urls(site: Any, *, triggered: Triggered) -> list[URLPattern]:
    views = (("", events_view, "changelist"), ("rows/", rows_view, "rows"))
    return [
        path(
            f"audiences/event/{suffix}",
            site.admin_view(view),
            {"triggered": triggered},
            name=f"audiences_event_{name}",
        )
        for suffix, view, name in views
    ]


@require_GET
def events_view(request: HttpRequest, triggered: Triggered) -> HttpResponse:
    workspaces = list(workspaces_of(request))
    workspace = _chosen(request, workspaces)
    filters = _filters(request)
    page = _read(workspace, filters, _older_than(request))
    kept: dict[str, str] = {
        **filters,
        **({"workspace": str(workspace.pk)} if workspace and len(workspaces) > 1 else {}),
    }
    context = {
        **admin.site.each_context(request),
        "title": "Events",
        "workspaces": workspaces if len(workspaces) > 1 else [],
        "workspace": workspace,
        "filters": filters,
        "rows": _shown(workspace, page.rows, triggered),
        "live": not page.before,
        "rows_query": urlencode(kept),
        "newest_url": f"?{urlencode(kept)}" if page.before else None,
        "older_url": f"?{urlencode({**kept, 'before': str(page.rows[-1].id)})}" if page.after else None,
    }
    return TemplateResponse(request, "volley/events.html", context)


@require_GET
def rows_view(request: HttpRequest, triggered: Triggered) -> HttpResponse:
    """What the page asks for again and again: the newest rows under its filters."""
    workspace = _chosen(request, list(workspaces_of(request)))
    page = _read(workspace, _filters(request), None)
    answer = TemplateResponse(request, "volley/event_rows.html", {"rows": _shown(workspace, page.rows, triggered)})
    answer["Cache-Control"] = "no-store"
    return answer


def _chosen(request: HttpRequest, workspaces: list[Workspace]) -> Workspace | None:
    """The one asked for, if the person sees it; else the first."""
    wanted = request.GET.get("workspace", "")
    return next((one for one in workspaces if str(one.pk) == wanted), workspaces[0] if workspaces else None)


def _filters(request: HttpRequest) -> dict[str, str]:
    """Words that mean nothing are left out."""
    found = {"name": request.GET.get("name", "")[:NAME_LENGTH], "person": request.GET.get("person", "")[:ID_LENGTH]}
    return {name: value.strip() for name, value in found.items() if value.strip()}


def _older_than(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_ID else None


def _read(workspace: Workspace | None, filters: Mapping[str, str], older_than: int | None) -> Page[Event]:
    request = PageRequest(PER_PAGE, None if older_than is None else (older_than,))
    found = Event.objects.none() if workspace is None else _found(workspace, filters)
    return read_rows(found, request, order=NEWEST_FIRST)


def _found(workspace: Workspace, filters: Mapping[str, str]) -> Any:
    found = events_of(workspace_id=workspace.pk, name=filters.get("name"))
    if person := filters.get("person"):
        people = people_named(workspace_id=workspace.pk, text=person)
        # Who is nobody's name may be an SDK's anonymous id.
        return found.filter(contact_id__in=people) if people else found.filter(contact_id=None, anonymous_id=person)
    return found


def _shown(workspace: Workspace | None, events: Sequence[Event], triggered: Triggered) -> list[dict[str, Any]]:
    if workspace is None:
        return []
    found = triggered(workspace.pk, events)
    rows = events_on_wire(list(events))
    unnamed = {row["contact_id"] for row in rows if row["external_id"] is None} - {None}
    addresses = addresses_of(workspace_id=workspace.pk, contact_ids=unnamed) if unnamed else {}
    return [
        {
            **row,
            "person": row["external_id"] or addresses.get(row["contact_id"]) or f"contact {row['contact_id']}",
            "source_words": EventSource(row["source"]).label,
            "glance": json.dumps(row["properties"], ensure_ascii=False) if row["properties"] else "",
            "triggered": found.get(row["event_id"], ()),
            "whole": json.dumps(json.loads(dump(row)), ensure_ascii=False, indent=2),
        }
        for row in rows
    ]
