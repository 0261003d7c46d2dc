"""The admin site: Unfold's, with our dashboard, a banner about silent parts, and no 5xx for bad input."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.urls import reverse

from common.errors import DomainError, NotFound

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


class VolleyAdminSite(AdminSite):
    index_template = "volley/dashboard.html"

    def get_urls(self) -> list[Any]:
        from audiences.events.admin_page import event_urls
        from executions.admin_pages.activation import activation_urls
        from executions.admin_pages.launch import launch_urls
        from executions.admin_pages.triggered import triggered_in_words

        return [
            *launch_urls(self),
            *activation_urls(self),
            *event_urls(self, triggered=triggered_in_words),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from executions.admin_pages.banner import silent_parts

        context = dict(super().each_context(request))
        if self.has_permission(request):
            context["silent_parts"] = silent_parts()
        return context

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from executions.admin_pages.dashboard import dashboard

        return super().index(request, {"title": "Dashboard", **dashboard(request), **(extra_context or {})})

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return super().admin_view(_guarded(view), cacheable)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The command palette; Unfold's view expects a sane page number."""
        if not request.GET.get("page", "1").isdecimal() or len(request.GET.get("page", "1")) > 4:
            return HttpResponseBadRequest("The page is a number.")
        return super().search(request, extra_context)  # type: ignore[misc,no-any-return]


def _guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuses addresses that PostgreSQL can't take, and turns what a service refuses into a message."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if any("\x00" in key or "\x00" in value for key, values in request.GET.lists() for value in values):
            return HttpResponseBadRequest("The address contains a NUL character.")
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.detail) from error
        except DomainError as error:
            return _refused(request, error)

    return guarded


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    if "application/json" in request.headers.get("Accept", ""):
        from django.http import JsonResponse

        return JsonResponse({"message": error.detail, "code": error.code}, status=error.status)
    for text in [each.message for each in error.errors] or [error.detail]:
        messages.error(request, text)
    return HttpResponseRedirect(request.path if request.method == "POST" else reverse("admin:index"))
