"""The live preview beside the template editor: what is typed, rendered for sample values or for a chosen contact.

It lives here because it brings templates and contacts together, which do not know each other.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from audiences.models import Address, Contact
from common.errors import Unreadable
from common.parsing import read_object
from executions.delivery.example_event import example_event_field
from templates_registry.liquid import Precedence
from templates_registry.models import Template
from templates_registry.review import review
from workspaces.admin_scope import get_scoped_object_or_404

_EXAMPLE_URL = f"{settings.BASE_URL}/u/example"


@require_POST
def template_preview(request: HttpRequest, template_id: int) -> HttpResponse:
    """JSON in: content, purpose, defaults, sample, contact. JSON out: parts, problems, variables, contact."""
    template = get_scoped_object_or_404(request, Template.objects.all(), template_id)
    try:
        typed = _typed(request.body)
    except Unreadable as error:
        return JsonResponse({"message": error.detail}, status=400)
    contact = _contact(template.workspace_id, typed["contact"])
    attributes = contact.attributes if contact else {}
    precedence = Precedence(
        defaults={**typed["defaults"], **({} if contact else typed["sample"])},
        reserved=_reserved(contact, typed["sample"]),
    )
    content = typed["content"]
    seen = review(
        type=template.type,
        purpose=typed["purpose"],
        content=content,
        fields=precedence.fields(attributes),
    )
    return JsonResponse(
        {
            "parts": seen.content,
            "problems": [problem.as_json() for problem in seen.problems],
            "missing": seen.missing,
            "variables": [variable.as_wire() for variable in seen.variables],
            "contact": str(contact) if contact else None,
        }
    )


def _typed(body: bytes) -> dict[str, Any]:
    typed = read_object(body)
    objects = ("content", "defaults", "sample")
    if not all(isinstance(typed.get(name, {}), dict) for name in objects):
        raise Unreadable("The preview takes an object with content, defaults and sample.")
    content = {part: text for part, text in typed.get("content", {}).items() if isinstance(text, str)}
    return {
        "content": content,
        "defaults": typed.get("defaults", {}),
        "sample": typed.get("sample", {}),
        "purpose": str(typed.get("purpose", "marketing")),
        "contact": str(typed.get("contact", "")).strip()[:320],
    }


def _contact(workspace_id: int, wanted: str) -> Contact | None:
    if not wanted:
        return None
    by_id = Contact.objects.filter(workspace_id=workspace_id, external_id=wanted).first()
    if by_id:
        return by_id
    address = (
        Address.objects.filter(workspace_id=workspace_id, type="email", value=wanted.lower())
        .select_related("contact")
        .first()
    )
    return address.contact if address else None


def _reserved(contact: Contact | None, sample: dict[str, Any]) -> dict[str, Any]:
    known = {"external_id": contact.external_id, "locale": contact.locale} if contact else {"external_id": "user-1"}
    return {
        "unsubscribe_url": _EXAMPLE_URL,
        "preferences_url": f"{settings.BASE_URL}/preferences/example",
        "contact": known,
        "campaign": {"id": 0, "name": "Preview"},
        "event": example_event_field(sample),
    }
