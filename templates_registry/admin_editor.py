"""The template editor: a page that shows a draft and carries out what its buttons ask, through the services."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from common.channels import Type
from common.errors import DomainError, FieldError
from templates_registry import services
from templates_registry.models import Template
from templates_registry.parts import PARTS, PartRule
from workspaces.admin_scope import actor_of, may
from workspaces.roles import Role

PURPOSES = Template._meta.get_field("purpose").choices


@dataclass(frozen=True, slots=True)
class PartField:
    rule: PartRule
    value: str


@dataclass(frozen=True, slots=True)
class EditorForm:
    """What the page shows: the draft as stored, or as typed where saving was refused."""

    name: str
    purpose: str
    parts: list[PartField]
    defaults_json: str
    sample_json: str

    @property
    def content(self) -> dict[str, str]:
        return {part.rule.name: part.value for part in self.parts}


def stored_form(template: Template) -> EditorForm:
    return EditorForm(
        name=template.name,
        purpose=template.purpose,
        parts=[PartField(rule, template.content.get(rule.name, "")) for rule in PARTS[Type(template.type)]],
        defaults_json=json.dumps(template.defaults),
        sample_json=json.dumps(template.sample),
    )


def typed_form(template: Template, request: HttpRequest) -> EditorForm:
    typed = request.POST
    return EditorForm(
        name=typed.get("name", ""),
        purpose=typed.get("purpose", template.purpose),
        # Browsers send CRLF; sources are kept with LF.
        parts=[
            PartField(rule, typed.get(f"part-{rule.name}", "").replace("\r\n", "\n"))
            for rule in PARTS[Type(template.type)]
        ],
        defaults_json=typed.get("defaults", "{}"),
        sample_json=typed.get("sample", "{}"),
    )


def editor(request: HttpRequest, template: Template) -> HttpResponse:
    """GET shows the draft; POST carries out `action` and shows the draft again, with every error."""
    can_edit = may(request, template.workspace_id, Role.EDITOR)
    form, errors = stored_form(template), []
    if request.method == "POST":
        if not can_edit:
            raise PermissionDenied
        form = typed_form(template, request)
        try:
            return _carry_out(request, template, form)
        except DomainError as error:
            errors = list(error.errors) or [FieldError("", error.code, error.detail)]
            template.refresh_from_db()
            if error.code == "stale_revision":
                template.revision = _revision(request)  # saving stays refused until the page is loaded anew
    response = TemplateResponse(
        request,
        "admin/templates_registry/template_editor.html",
        {
            **admin.site.each_context(request),
            "title": template.name,
            "template": template,
            "form": form,
            "errors": errors,
            "can_edit": can_edit,
            "purposes": PURPOSES,
            "has_unpublished_changes": _has_unpublished_changes(template),
            "preview_url": reverse("admin_template_preview", args=[template.pk]),
            "versions_url": reverse("admin:templates_registry_template_versions", args=[template.pk]),
        },
        status=422 if errors else 200,
    )
    response._csp_update = {"img-src": ["https:", "http:"]}  # type: ignore[attr-defined]  # images of the preview
    return response


def _carry_out(request: HttpRequest, template: Template, form: EditorForm) -> HttpResponse:
    action = request.POST.get("action", "save")
    handlers: dict[str, Callable[[HttpRequest, Template, EditorForm], Template]] = {
        "save": _save,
        "publish": _publish,
        "duplicate": _duplicate,
        "archive": _archive,
        "restore": _restore,
    }
    if action not in handlers:
        raise DomainError(f"The editor knows no action {action[:50]!r}.")
    shown = handlers[action](request, template, form)
    return HttpResponseRedirect(reverse("admin:templates_registry_template_change", args=[shown.pk]))


def _save(request: HttpRequest, template: Template, form: EditorForm) -> Template:
    saved = _save_draft(request, template, form)
    messages.success(request, "The draft is saved. Campaigns use it once it is published.")
    return saved


def _publish(request: HttpRequest, template: Template, form: EditorForm) -> Template:
    saved = _save_draft(request, template, form)
    version = services.publish(**_named(request, saved), revision=saved.revision)
    messages.success(request, f"Version {version.number} is published. Campaigns use it from now on.")
    return saved


def _duplicate(request: HttpRequest, template: Template, form: EditorForm) -> Template:
    copy = services.duplicate(**_named(request, template))
    messages.success(request, f"This is the copy, {copy.name}.")
    return copy


def _archive(request: HttpRequest, template: Template, form: EditorForm) -> Template:
    services.archive(**_named(request, template))
    messages.success(request, "The template is archived; nothing can be launched with it.")
    return template


def _restore(request: HttpRequest, template: Template, form: EditorForm) -> Template:
    services.restore(**_named(request, template))
    messages.success(request, "The template is back.")
    return template


def _named(request: HttpRequest, template: Template) -> dict[str, Any]:
    return {"template_id": template.pk, "workspace_id": template.workspace_id, "actor": actor_of(request)}


def _save_draft(request: HttpRequest, template: Template, form: EditorForm) -> Template:
    return services.save_draft(
        **_named(request, template),
        revision=_revision(request),
        name=form.name,
        purpose=form.purpose,
        content=form.content,
        defaults=_object("defaults", form.defaults_json),
        sample=_object("sample", form.sample_json),
    )


def _revision(request: HttpRequest) -> int:
    given = request.POST.get("revision", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def _object(field: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DomainError(f"The {field} are not a JSON object.")
    return value


def _has_unpublished_changes(template: Template) -> bool:
    version = template.published
    if version is None:
        return False
    return bool(version.content != template.content or version.defaults != template.defaults)
