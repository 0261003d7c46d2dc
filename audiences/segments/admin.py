"""Segments in the admin: a builder for the rule that shows, as it changes, how many fit it and ten of them."""

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from audiences.json_text import parse_json
from audiences.models import Segment
from audiences.segments.event_references import event_properties
from audiences.segments.selectors import preview_segment
from audiences.segments.services import create_segment, delete_segment, filled_rule, judged_rule, update_segment
from audiences.segments.vocabulary import COUNTS, KIND_OPERATORS, MAX_BYTES, OPERATORS, UNITS
from audiences.segments.words import words_of
from common.channels import APP_TYPES, Type
from common.errors import DomainError, FieldError, Invalid
from workspaces.admin_forms import JSONObject, ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, may, workspace_ids
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin

_TEXT = UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false", "class": "v-code"})
_SHOWN = 160
_ERRORS = 50


class SegmentForm(ScopedModelForm):
    rule = JSONObject(
        widget=_TEXT, help_text="The rule as the API takes it. Its JSON Schema is at /api/schema/segment-rule."
    )

    class Meta:
        model = Segment
        fields = ("workspace", "name", "description", "rule")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        typed = {name: self.cleaned_data[name] for name in ("name", "description", "rule")}
        scope, actor = self.instance.workspace_id, actor_of(self.request)
        try:
            if self.instance.pk:
                self.instance = update_segment(segment_id=self.instance.pk, workspace_id=scope, actor=actor, **typed)
            else:
                self.instance = create_segment(workspace_id=scope, actor=actor, **typed)
        except Invalid as error:
            self._show(error)
        except DomainError as error:
            show_errors(self, error)

    def _show(self, error: Invalid) -> None:
        """An error inside the rule says where."""
        for each in error.errors:
            inside = each.field.removeprefix("rule")
            where = f"{inside.lstrip('.')}: " if each.field != inside and inside else ""
            name = "rule" if each.field.startswith("rule") else each.field
            text = f"{where}{each.message} {each.hint or ''}".strip()
            self.add_error(name if name in self.fields else None, forms.ValidationError(text, code=each.code))


@admin.register(Segment)
class SegmentAdmin(ServiceModelAdmin):
    form = SegmentForm
    can_delete = True
    list_display = ("name", "description", "workspace", "made_by", "updated_at")
    list_select_related = ("workspace",)
    search_fields = ("name",)
    fields = ("name", "description", "rule")
    change_form_template = "volley/segment_form.html"

    def get_urls(self) -> list[URLPattern]:
        views = (("words", self.words_view), ("preview", self.preview_view))
        own = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"audiences_segment_{name}") for name, view in views
        ]
        return [*own, *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        found = self.get_object(request, object_id) if object_id else None
        builder = {
            "operators": OPERATORS,
            "kinds": KIND_OPERATORS,
            "counts": COUNTS,
            "units": list(UNITS),
            "channels": Type.choices,
            "app_channels": sorted(APP_TYPES),
            "words_url": reverse("admin:audiences_segment_words"),
            "preview_url": reverse("admin:audiences_segment_preview"),
            "workspace": found.workspace_id if found else _only_workspace(request),
            "refers": True,
            "readonly": not (self.has_change_permission(request, found) if found else True),
            "rule": found.rule if found else None,
        }
        context = {**(extra_context or {}), "builder": builder}
        return super().changeform_view(request, object_id, form_url, context)

    @method_decorator(require_GET)
    def words_view(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(words_of(_asked_workspace(request, request.GET.get("workspace", ""))))

    @method_decorator(require_POST)
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Who fits a rule that is not saved. What is wrong with it is an answer, not a failure."""
        workspace_id = _asked_workspace(request, request.POST.get("workspace", ""))
        reading = judged_rule(workspace_id=workspace_id, rule=_parsed(request.POST.get("rule", "")))
        if reading.errors:
            return JsonResponse({"errors": _on_page(reading.errors)})
        wanted = {"event": list(event_properties(reading.rule).items())}
        event = _example(request)
        if any(name not in event for name, _ in wanted["event"]):
            return JsonResponse({**wanted, "wanting": True})
        try:
            rule = filled_rule(rule=reading.rule, event=event)
            seen = preview_segment(workspace_id=workspace_id, rule=rule)
        except Invalid as error:
            return JsonResponse({**wanted, "errors": _on_page(error.errors)})
        except DomainError as error:
            return JsonResponse({**wanted, "stopped": error.detail})
        sample = [
            {"id": one.pk, "name": str(one), "attributes": _short(one.attributes), "url": _contact_url(one.pk)}
            for one in seen.sample
        ]
        return JsonResponse({**wanted, "count": seen.count, "sample": sample})

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        delete_segment(segment_id=obj.pk, workspace_id=obj.workspace_id, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Each that can be; of the others, why not."""
        for row in queryset.filter(workspace_id__in=workspace_ids(request, self.change_role)).order_by("pk"):
            try:
                self.delete_model(request, row)
            except DomainError as error:
                messages.error(request, error.detail)


def _only_workspace(request: HttpRequest) -> int | None:
    ids = workspace_ids(request, Role.EDITOR)
    return ids[0] if ids else None


def _asked_workspace(request: HttpRequest, text: str) -> int:
    """Raises Http404 for one that the person does not see."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    if not may(request, number, Role.VIEWER):
        raise Http404
    return number


def _on_page(errors: Sequence[FieldError]) -> list[dict[str, Any]]:
    return [each.as_wire() | {"value": None} for each in errors[:_ERRORS]]


def _example(request: HttpRequest) -> dict[str, Any]:
    """Of a business event; what is no object is none."""
    given = _parsed(request.POST.get("event", ""))
    return given if isinstance(given, dict) else {}


def _parsed(text: str) -> Any:
    if len(text) > 4 * MAX_BYTES:
        return text
    try:
        return parse_json(text.encode())
    except ValueError:
        return text


def _short(attributes: dict[str, Any]) -> str:
    text = json.dumps(attributes, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _contact_url(pk: int) -> str:
    return reverse("admin:audiences_contact_change", args=[pk])
