"""What a contact's page shows of their rights."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import action

from audiences.models import Contact
from audiences.rights.consent_history import changes_of
from workspaces.admin_scope import may, workspace_ids
from workspaces.roles import Role

SHOWN = 50


class RightsFields:
    """For the admin of contacts. The links lead to pages of `executions`, which knows what was sent."""

    actions_list = ("erase_address",)

    @action(description="Erase an address", url_path="to-erase", permissions=["erase"])  # type: ignore[untyped-decorator]
    def erase_address(self, request: HttpRequest) -> HttpResponse:
        """Above the list: of somebody who need not be in it."""
        return HttpResponseRedirect(reverse("admin_address_erase"))

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return bool(workspace_ids(request, Role.ADMIN))

    @admin.display(description="Consents")
    def consents(self, contact: Contact) -> SafeString:
        """The last changes; the API tells all of them."""
        changes = changes_of(contact_id=contact.pk, workspace_id=contact.workspace_id).order_by("-pk")
        return _rendered("volley/consents.html", {"changes": list(changes[: SHOWN + 1]), "shown": SHOWN})

    @admin.display(description="Export")
    def export(self, contact: Contact) -> SafeString:
        url = reverse("admin_contact_export", args=[contact.pk])
        return format_html('<a class="v-button" href="{}" download>Everything kept of them, as JSON</a>', url)

    @admin.display(description="Erase")
    def erasing(self, contact: Contact) -> SafeString:
        url = reverse("admin_contact_erase", args=[contact.pk])
        return format_html('<a class="v-button v-button-danger" href="{}">Erase …</a>', url)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Erasing is offered to those who may."""
        fields = super().get_fields(request, obj)  # type: ignore[misc]
        erases = obj is not None and may(request, obj.workspace_id, Role.ADMIN)
        return [name for name in fields if erases or name != "erasing"]


def _rendered(template: str, context: dict[str, Any]) -> SafeString:
    return mark_safe(render_to_string(template, context))  # noqa: S308
