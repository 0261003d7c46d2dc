"""A contact's rights in the admin: everything that is kept of them as a file, and erasing them."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from audiences.models import Contact
from audiences.rights.erasing import Subject
from common.errors import DomainError
from executions.rights.downloading import download
from executions.rights.erasing import erase_person
from executions.rights.exporting import export_person
from workspaces.admin_scope import actor_of, get_scoped_object_or_404
from workspaces.roles import Role


@require_GET
def export_view(request: HttpRequest, contact_id: int) -> StreamingHttpResponse:
    contact = get_scoped_object_or_404(request, Contact.objects.all(), contact_id)
    return download(contact.pk, export_person(contact=contact, actor=actor_of(request)))


@require_http_methods(["GET", "POST"])
def erase_view(request: HttpRequest, contact_id: int) -> HttpResponse:
    """First what that means; it is done when the person's name was typed."""
    contact = get_scoped_object_or_404(request, Contact.objects.all(), contact_id, role=Role.ADMIN)
    typed = request.POST.get("typed", "").strip()
    if request.method == "POST" and typed == str(contact):
        return _erase(request, contact)
    context = {
        **admin.site.each_context(request),
        "title": f"Erase {contact}?",
        "contact": contact,
        "addresses": contact.addresses.order_by("pk"),
        "wrong": request.method == "POST",
        "back": reverse("admin:audiences_contact_change", args=[contact.pk]),
    }
    return TemplateResponse(request, "volley/erase.html", context)


def _erase(request: HttpRequest, contact: Contact) -> HttpResponse:
    try:
        erasure = erase_person(
            workspace_id=contact.workspace_id, subject=Subject(contact_id=contact.pk), actor=actor_of(request)
        )
    except DomainError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin:audiences_contact_change", args=[contact.pk]))
    messages.success(
        request,
        f"Erased. {erasure.addresses} of their addresses are kept as a hash, so that they stay suppressed;"
        f" {erasure.events:,} events were deleted.",
    )
    return HttpResponseRedirect(reverse("admin:audiences_contact_changelist"))
