"""Frequency caps in the admin, through the same services as the API."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from common.channels import Type
from common.errors import DomainError
from executions.cap_words import short_window
from executions.caps.rules import CapFields, create_cap, delete_cap, update_cap
from executions.models import FrequencyCap
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, workspace_ids
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin


class FrequencyCapForm(ScopedModelForm):
    type = forms.ChoiceField(
        required=False, choices=[("", "Any type"), *Type.choices], widget=UnfoldAdminSelectWidget()
    )
    tag = forms.CharField(
        required=False, max_length=100, help_text="Empty: any tag.", widget=UnfoldAdminTextInputWidget()
    )
    window = forms.CharField(
        max_length=20,
        initial="24h",
        help_text="A minute to 30 days, for example 90m, 24h or 7d. The window slides.",
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        model = FrequencyCap
        fields = ("workspace", "max", "type", "tag")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "window" in self.fields:
            self.initial["window"] = short_window(self.instance.window_seconds)

    def _post_clean(self) -> None:
        if self.errors:
            super()._post_clean()  # type: ignore[misc]
            return
        typed, actor = self.cleaned_data, actor_of(self.request)
        fields: CapFields = {
            "type": typed["type"] or None,
            "tag": typed["tag"] or None,
            "max": typed["max"],
            "window": typed["window"],
        }
        try:
            if self.instance.pk:
                workspace_id = self.instance.workspace_id
                self.instance = update_cap(cap_id=self.instance.pk, workspace_id=workspace_id, actor=actor, **fields)
            else:
                workspace_id = self.instance.workspace_id or typed["workspace"].pk
                self.instance = create_cap(workspace_id=workspace_id, actor=actor, **fields)
        except DomainError as error:
            show_errors(self, error)


@admin.register(FrequencyCap)
class FrequencyCapAdmin(ServiceModelAdmin):
    form = FrequencyCapForm
    change_role = Role.ADMIN
    can_delete = True
    list_display = ("__str__", "type", "tag", "workspace", "made_by")
    list_select_related = ("workspace",)
    fields = ("max", "window", "type", "tag")

    def delete_model(self, request: HttpRequest, obj: FrequencyCap) -> None:
        delete_cap(cap_id=obj.pk, workspace_id=obj.workspace_id, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FrequencyCap]) -> None:
        for cap in queryset.filter(workspace_id__in=workspace_ids(request, Role.ADMIN)).order_by("pk"):
            self.delete_model(request, cap)
