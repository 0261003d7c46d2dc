"""Templates in the admin: made and edited in the editor, published by its button, versions only looked at."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from common.channels import Type
from common.errors import DomainError
from templates_registry import services
from templates_registry.admin_editor import editor
from templates_registry.models import Template, TemplateVersion
from templates_registry.parts import PARTS
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, get_scoped_object_or_404
from workspaces.scoped_admin import ScopedModelAdmin

_STARTERS: dict[str, dict[str, str]] = {
    "email": {
        "subject": 'Hello {{ first_name | default: "there" }}',
        "html": "<!DOCTYPE html>\n<html>\n<body>\n"
        '<h1>Hello {{ first_name | default: "there" }}</h1>\n<p>Write here.</p>\n'
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>\n</body>\n</html>\n',
    },
    "push": {"title": 'Hello {{ first_name | default: "there" }}', "body": "Write here."},
}


class NewTemplateForm(ScopedModelForm):
    """What the editor needs to begin; everything else is written there."""

    class Meta:
        model = Template
        fields = ("name", "type", "purpose")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.instance = services.create_template(
                workspace_id=self.instance.workspace_id,
                name=self.instance.name,
                type=self.instance.type,
                purpose=self.instance.purpose,
                content=_STARTERS.get(self.instance.type, {}),
                actor=actor_of(self.request),
            )
        except DomainError as error:
            show_errors(self, error)


@admin.register(Template)
class TemplateAdmin(ScopedModelAdmin):
    form = NewTemplateForm
    big = True
    audits = False
    list_display = ("name", "type", "version", "state", "updated_at")
    list_filter = ("type",)
    search_fields = ("name",)
    list_select_related = ("published",)
    actions = ("archive_selected", "restore_selected")

    @admin.display(description="Published")
    def version(self, template: Template) -> str:
        return f"v{template.published.number}" if template.published else "—"

    @admin.display(description="State")
    def state(self, template: Template) -> str:
        if template.archived_at:
            return "Archived"
        return "Published" if template.published else "Draft"

    def get_urls(self) -> list[URLPattern]:
        versions = path(
            "<path:object_id>/versions/",
            self.admin_site.admin_view(self.versions_view),
            name="templates_registry_template_versions",
        )
        return [versions, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        return editor(request, self._found(request, object_id))

    def versions_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = self._found(request, object_id)
        versions = [
            {
                "version": version,
                "parts": [(rule.label, version.content.get(rule.name, "")) for rule in PARTS[Type(template.type)]],
                "defaults": json.dumps(version.defaults, indent=2, ensure_ascii=False),
            }
            for version in template.versions.order_by("-number")[:50]
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Versions of {template.name}",
            "template": template,
            "versions": versions,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/templates_registry/template_versions.html", context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Template:
        created: Template = form.instance
        return created

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        """The form's service has saved it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A new template has nothing beside it."""

    def response_add(self, request: HttpRequest, obj: Template, post_url_continue: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:templates_registry_template_change", args=[obj.pk]))

    @admin.action(description="Archive")
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        self._each(request, queryset, services.archive, "archived")

    @admin.action(description="Restore")
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        self._each(request, queryset, services.restore, "restored")

    def _each(self, request: HttpRequest, queryset: QuerySet[Template], service: Any, done: str) -> None:
        allowed = [template for template in queryset if self.has_change_permission(request, template)]
        for template in allowed:
            service(template_id=template.pk, workspace_id=template.workspace_id, actor=actor_of(request))
        messages.success(request, f"{len(allowed)} {done}.")

    def _found(self, request: HttpRequest, object_id: str) -> Template:
        return get_scoped_object_or_404(request, Template.objects.select_related("published"), object_id)


@admin.register(TemplateVersion)
class TemplateVersionAdmin(ScopedModelAdmin):
    """Read only: a version is what was sent, and stays."""

    big = True
    can_add = can_change = can_delete = False
    list_display = ("template", "number", "created_by_name", "created_at")
    list_select_related = ("template",)
    fields = ("template", "number", "hash", "created_by_name", "created_at")
