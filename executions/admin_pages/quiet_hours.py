"""Quiet hours in the admin, through the same services as the API."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from common.channels import Type
from common.errors import DomainError
from executions.models import QuietHours, QuietPolicy
from executions.quiet_hours.rules import (
    QuietFields,
    create_quiet_hours,
    delete_quiet_hours,
    fields_of,
    update_quiet_hours,
)
from executions.quiet_hours.words import DAY_NAMES
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, workspace_ids
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin


class QuietHoursForm(ScopedModelForm):
    type = forms.ChoiceField(
        required=False, choices=[("", "Any type"), *Type.choices], widget=UnfoldAdminSelectWidget()
    )
    starts = forms.CharField(
        max_length=5,
        initial="22:00",
        help_text="By the clock of each recipient's time zone, or the workspace's where theirs is not known.",
        widget=UnfoldAdminTextInputWidget(),
    )
    ends = forms.CharField(
        max_length=5,
        initial="08:00",
        help_text="The first minute after them; smaller than the start: on the day after.",
        widget=UnfoldAdminTextInputWidget(),
    )
    days = forms.MultipleChoiceField(
        choices=[(name, name.title()) for name in DAY_NAMES],
        initial=list(DAY_NAMES),
        help_text="On which they begin.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    policy = forms.ChoiceField(
        choices=QuietPolicy.choices,
        initial=QuietPolicy.HOLD,
        help_text="Transactional campaigns are exempt.",
        widget=UnfoldAdminRadioSelectWidget(),
    )

    class Meta:
        model = QuietHours
        fields = ("workspace", "type")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            shown = fields_of(self.instance)
            self.initial.update({name: shown[name] for name in ("starts", "ends", "days") if name in self.fields})
            self.initial["policy"] = self.instance.policy

    def _post_clean(self) -> None:
        if self.errors:
            super()._post_clean()  # type: ignore[misc]
            return
        typed, actor = self.cleaned_data, actor_of(self.request)
        fields: QuietFields = {
            "type": typed["type"] or None,
            "starts": typed["starts"],
            "ends": typed["ends"],
            "days": typed["days"],
            "policy": typed["policy"],
        }
        try:
            if self.instance.pk:
                workspace_id = self.instance.workspace_id
                self.instance = update_quiet_hours(
                    quiet_id=self.instance.pk, workspace_id=workspace_id, actor=actor, **fields
                )
            else:
                workspace_id = self.instance.workspace_id or typed["workspace"].pk
                self.instance = create_quiet_hours(workspace_id=workspace_id, actor=actor, **fields)
        except DomainError as error:
            show_errors(self, error)


@admin.register(QuietHours)
class QuietHoursAdmin(ServiceModelAdmin):
    form = QuietHoursForm
    change_role = Role.ADMIN
    can_delete = True
    list_display = ("__str__", "type", "policy", "workspace", "made_by")
    list_select_related = ("workspace",)
    fields = ("type", "starts", "ends", "days", "policy")

    def delete_model(self, request: HttpRequest, obj: QuietHours) -> None:
        delete_quiet_hours(quiet_id=obj.pk, workspace_id=obj.workspace_id, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[QuietHours]) -> None:
        for one in queryset.filter(workspace_id__in=workspace_ids(request, Role.ADMIN)).order_by("pk"):
            self.delete_model(request, one)
