"""The outbox: what the sandbox kept, as a mail client or a phone would show it."""

import json
from email import message_from_string
from email.policy import default as default_policy
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.clickjacking import xframe_options_sameorigin

from common.channels import Type
from providers.models import SandboxMessage
from workspaces.admin_scope import get_scoped_object_or_404
from workspaces.scoped_admin import ScopedModelAdmin

# Nothing in a message may run or call home, whatever its author wrote.
_SHOWN_HEADERS = ("From", "Reply-To", "To", "Date", "List-Unsubscribe")
MESSAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"


class ExecutionFilter(admin.SimpleListFilter):
    """One execution's messages; reached by the link from its live page."""

    title = "execution"
    parameter_name = "execution_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name, "")
        return [(chosen, f"#{chosen}")] if _is_id(chosen) else []

    def has_output(self) -> bool:
        return _is_id(self.value() or "")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(execution_id=int(chosen)) if _is_id(chosen) else queryset


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


@admin.register(SandboxMessage)
class SandboxMessageAdmin(ScopedModelAdmin):
    can_add = can_change = False
    list_display = ("address", "subject", "type", "execution_id", "at")
    list_filter = ("type", ExecutionFilter)
    search_fields = ("address",)
    search_help_text = "A whole address"

    @admin.display(description="Message")
    def subject(self, message: SandboxMessage) -> str:
        return first_line(message)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        return (queryset.filter(address=term) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        html = path(
            "<int:message_id>/html/",
            self.admin_site.admin_view(self.html_view),
            name="providers_sandboxmessage_html",
        )
        return [html, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        message = get_scoped_object_or_404(request, SandboxMessage.objects.all(), object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": first_line(message),
            "message": message,
            "as_phone": message.type != Type.EMAIL,
            "raw": _raw(message),
            "body": _body(message),
            "headers": _headers(message),
        }
        return TemplateResponse(request, "volley/outbox_message.html", context)

    @xframe_options_sameorigin
    def html_view(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """The HTML part by itself, under a policy of its own: for the frame that shows it."""
        message = get_scoped_object_or_404(request, SandboxMessage.objects.all(), message_id)
        html = message.content.get("html")
        if not isinstance(html, str):
            raise Http404
        return framed(html)


def framed(html: str) -> HttpResponse:
    """Foreign HTML, to be shown in a frame: it runs nothing and loads nothing."""
    response = HttpResponse(html)
    response["Content-Security-Policy"] = f"{MESSAGE_POLICY}; frame-ancestors 'self'"
    response._csp_exempt = True  # type: ignore[attr-defined]
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def first_line(message: SandboxMessage) -> str:
    content = message.content if isinstance(message.content, dict) else {}
    for name in ("subject", "title", "text", "body"):
        if isinstance(content.get(name), str) and content[name].strip():
            return str(content[name]).strip()[:120]
    return "(no subject)"


def _body(message: SandboxMessage) -> str:
    """What a phone shows below the title."""
    content = message.content if isinstance(message.content, dict) else {}
    return str(content.get("body") or content.get("text") or "")


def _headers(message: SandboxMessage) -> list[tuple[str, str]]:
    """Those that a mail client shows or acts upon, decoded."""
    if message.type != Type.EMAIL:
        return []
    parsed = message_from_string(_raw(message), policy=default_policy)
    return [(name, str(parsed[name])) for name in _SHOWN_HEADERS if name in parsed]


def _raw(message: SandboxMessage) -> str:
    raw = message.content.get("raw") if isinstance(message.content, dict) else None
    return raw if isinstance(raw, str) else json.dumps(message.content, indent=2, ensure_ascii=False)
