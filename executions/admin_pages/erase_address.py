"""Erasing by address, also of one that nobody has: who asked to be forgotten before they were ever imported."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from audiences.address_values import parse_address
from audiences.bad_value import BadValue
from audiences.models import Address
from audiences.rights.erasing import Subject
from common.channels import Type
from common.errors import DomainError
from executions.rights.erasing import erase_person
from workspaces.admin_scope import actor_of, may, workspaces_of
from workspaces.models import Workspace
from workspaces.roles import Role

_TYPED = ("workspace", "type", "value", "typed")


@require_http_methods(["GET", "POST"])
def erase_address_view(request: HttpRequest) -> HttpResponse:
    """Asks for an address, tells who has it, and erases when the address was typed again."""
    erasable = list(workspaces_of(request, Role.ADMIN))
    if not erasable:
        raise PermissionDenied
    typed = {name: request.POST.get(name, "").strip() for name in _TYPED}
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Erase an address",
        "workspaces": erasable,
        "types": Type.choices,
        "typed": typed,
    }
    if request.method == "POST":
        workspace = _chosen(request, erasable, typed["workspace"])
        try:
            value = parse_address(Type(typed["type"]), typed["value"])
        except (BadValue, ValueError) as error:
            context["error"] = error.message if isinstance(error, BadValue) else "Choose a type."
            return TemplateResponse(request, "volley/erase_address.html", context)
        if typed["typed"] and typed["typed"] == typed["value"]:
            return _erase(request, workspace, Subject(address=(typed["type"], value)))
        holders = Address.objects.filter(workspace=workspace, type=typed["type"], value=value)
        context |= {
            "chosen": workspace,
            "value": value,
            "holders": holders.values("contact_id").distinct().count(),
            "wrong": bool(typed["typed"]),
        }
    return TemplateResponse(request, "volley/erase_address.html", context)


def _chosen(request: HttpRequest, erasable: list[Workspace], workspace_id: str) -> Workspace:
    """Who has one workspace need not choose. A foreign one is not there."""
    found = [one for one in erasable if str(one.pk) == workspace_id] if workspace_id else erasable[:1]
    if found:
        return found[0]
    if workspace_id.isascii() and workspace_id.isdigit() and may(request, int(workspace_id), Role.VIEWER):
        raise PermissionDenied
    raise Http404


def _erase(request: HttpRequest, workspace: Workspace, subject: Subject) -> HttpResponse:
    try:
        erasure = erase_person(workspace_id=workspace.pk, subject=subject, actor=actor_of(request))
    except DomainError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin_address_erase"))
    who = f"{len(erasure.contact_ids):,} contacts were erased" if erasure.contact_ids else "Nobody had it"
    messages.success(request, f"Erased. {who}; a hash of the address is kept, so that it stays suppressed.")
    return HttpResponseRedirect(reverse("admin:audiences_contact_changelist"))
