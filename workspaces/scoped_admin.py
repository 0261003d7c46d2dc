"""What the admin's pages are made of: lists, forms and inlines that keep to the workspaces of the person."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteMixin
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from common.admin_paging import KeysetChangeList, NoCountPaginator
from workspaces.admin_forms import ScopedModelForm
from workspaces.admin_scope import actor_of, may, roles_of, workspace_id_of, workspace_ids, workspaces_of
from workspaces.audit import record
from workspaces.models import AuditEntry, Workspace
from workspaces.roles import Role

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, TabularInline

    _ModelAdmin = ModelAdmin[Any]
    _TabularInline = TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.admin import TabularInline as _TabularInline

HISTORY_ENTRIES = 100
_ID = re.compile(r"[0-9]{1,18}")


class WorkspaceFilter(admin.SimpleListFilter):
    """Offered only to people who see more than one workspace."""

    title = "workspace"
    parameter_name = "workspace"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = list(workspaces_of(request))
        return [(str(workspace.pk), workspace.name) for workspace in found] if len(found) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen not in {str(workspace_id) for workspace_id in roles_of(request)}:
            return queryset
        return queryset.filter(workspace_id=chosen)


class _Scoped:
    """What a change list, a form and an inline share: querysets, choices and permissions of the scope."""

    model: Any
    admin_site: Any
    workspace_path = "workspace_id"
    view_role = Role.VIEWER
    change_role = Role.EDITOR
    add_role: Role | None = None
    delete_role: Role | None = None
    can_add = True
    can_change = True
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        ids = workspace_ids(request, self.view_role)
        found: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return found.filter(**{f"{self.workspace_path}__in": ids})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, None, self.view_role)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, self.view_role)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_change and self._may(request, obj, self.change_role)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_add and self._may(request, None, self.add_role or self.change_role)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and self._may(request, obj, self.delete_role or self.change_role)

    def _may(self, request: HttpRequest, obj: Any, role: Role) -> bool:
        if isinstance(obj, Model) and isinstance(obj, self.model):
            return may(request, workspace_id_of(obj, self.workspace_path), role)
        return bool(workspace_ids(request, role))

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """Choices of foreign keys and many-to-manys: what this person may see, in their workspaces."""
        related = db_field.remote_field.model
        if related is Workspace:
            return workspaces_of(request, self.add_role or self.change_role)
        other = self.admin_site._registry.get(related)
        if other is None:
            return related._default_manager.none()  # type: ignore[no-any-return]
        chosen: QuerySet[Any] = other.get_queryset(request)
        ordering = other.get_ordering(request)
        return chosen.order_by(*ordering) if ordering else chosen


class ScopedModelAdmin(_Scoped, _ModelAdmin):
    """Base of every admin page: lists page by key and never count."""

    form: Any = ScopedModelForm
    list_per_page = 50
    list_filter_submit = False
    list_disable_select_all = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NoCountPaginator
    ordering = ("-pk",)
    object_history_template = "volley/history.html"
    # False where the services called write the audit trail themselves.
    audits = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        return found if found.ordered else found.order_by("-pk")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return KeysetChangeList

    def get_sortable_by(self, request: HttpRequest) -> tuple[()]:
        return ()

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = tuple(super().get_list_filter(request))
        scoped_by_workspace = self.workspace_path == "workspace_id"
        return (*filters, WorkspaceFilter) if scoped_by_workspace and len(roles_of(request)) > 1 else filters

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Only what a filter of this list offers: no probing of columns through the address."""
        allowed = {"workspace"}
        for item in self.get_list_filter(request):
            name = item[0] if isinstance(item, tuple | list) else getattr(item, "parameter_name", item)
            allowed.add(str(name))
        return lookup in allowed or lookup.partition("__")[0] in allowed

    @admin.display(description="Made by")
    def made_by(self, obj: Any) -> str:
        """Of an `Authored` row."""
        return f"{obj.created_by_name} (API key)" if obj.created_by_kind == "api_key" else str(obj.created_by_name)

    # The form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices are chosen, not made, in another thing's form."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = getattr(field, "widget", None)
        inner = getattr(widget, "widget", widget)
        if isinstance(inner, AutocompleteMixin):
            inner.__class__ = _reading_ids(type(inner))
        for name in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if hasattr(widget, name):
                setattr(widget, name, False)
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return (*fields, "workspace") if obj is not None and self._has_workspace_field() else fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The workspace comes first, for those who have a choice of several."""
        fieldsets = list(super().get_fieldsets(request, obj))
        if not self._has_workspace_field() or len(roles_of(request)) < 2:
            return fieldsets
        title, options = fieldsets[0]
        fields = [name for name in options["fields"] if name != "workspace"]
        return [(title, {**options, "fields": ["workspace", *fields]}), *fieldsets[1:]]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        excluded = tuple(super().get_exclude(request, obj) or ())
        only_one = self._has_workspace_field() and len(roles_of(request)) < 2
        return (*excluded, "workspace") if only_one else excluded

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        ids = workspace_ids(request, self.add_role or self.change_role)
        preset = ids[0] if obj is None and len(roles_of(request)) == 1 and ids else None
        return type(form.__name__, (form,), {"request": request, "preset_workspace_id": preset})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        ids = workspace_ids(request, self.add_role or self.change_role)
        if self._has_workspace_field() and ids:
            initial.setdefault("workspace", ids[0])
        return initial

    def _has_workspace_field(self) -> bool:
        return any(field.name == "workspace" for field in self.model._meta.fields)

    # History: the audit trail of the object, which the API writes too

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        entries = AuditEntry.objects.filter(
            workspace_id__in=self._history_workspaces(request, found),
            object_type=self._object_type(),
            object_id=found.pk,
        )
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {found}",
            "entries": entries.order_by("-pk")[:HISTORY_ENTRIES],
            "object": found,
            "opts": self.opts,
        }
        return TemplateResponse(request, self.object_history_template, context)

    def _history_workspaces(self, request: HttpRequest, obj: Any) -> list[int]:
        return [workspace_id_of(obj, self.workspace_path)]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        self._record(request, obj, "created", message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        if message:
            self._record(request, obj, "changed", message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> None:  # type: ignore[override]
        for obj in queryset:
            self._record(request, obj, "deleted", None)

    def _object_type(self) -> str:
        """As services name it in the audit trail: `api_key`, `frequency_cap`."""
        return str(self.opts.verbose_name).lower().replace(" ", "_")

    def _record(self, request: HttpRequest, obj: Any, action: str, message: Any) -> None:
        if self.audits:
            record(
                workspace_id=workspace_id_of(obj, self.workspace_path),
                actor=actor_of(request),
                action=action,
                object_type=self._object_type(),
                object_id=obj.pk,
                object_name=str(obj),
                details=_changed_fields(message),
            )


class ServiceModelAdmin(ScopedModelAdmin):
    """A page whose form saves through a service, which writes the audit trail too: nothing is left to save here."""

    audits = False

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's service has saved it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The form's service has linked what belongs to it."""


class ScopedTabularInline(_Scoped, _TabularInline):
    """Rows inside another object's page, which is scoped already; read only unless a subclass says otherwise."""

    can_add = False
    can_change = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_add and self._may(request, None, self.change_role)

    def _may(self, request: HttpRequest, obj: Any, role: Role) -> bool:
        return bool(workspace_ids(request, role))


class _OptionsOfIds:
    """A refused form is shown again with what was sent: Django asks the database for it, also where it is no id."""

    def optgroups(self, name: str, value: Iterable[Any], attr: Any = None) -> Any:
        ids = [each for each in value if _ID.fullmatch(str(each))]
        return super().optgroups(name, ids, attr)  # type: ignore[misc]


def _reading_ids(widget: type) -> type:
    return type(widget.__name__, (_OptionsOfIds, widget), {})


def _changed_fields(message: Any) -> dict[str, Any]:
    if not isinstance(message, list):
        return {}
    fields = [name for part in message if isinstance(part, dict) for name in part.get("changed", {}).get("fields", ())]
    return {"fields": fields} if fields else {}
