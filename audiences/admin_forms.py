"""Forms of lists and suppressions: they save through the services, which know what is right."""

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from audiences.address_values import parse_address
from audiences.lists import create_list, update_list
from audiences.models import List, Suppression
from audiences.suppressions import add_suppressions
from common.errors import DomainError
from workspaces.admin_forms import ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of


class ListForm(ScopedModelForm):
    class Meta:
        model = List
        fields = ("workspace", "name", "description")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        typed, actor = self.cleaned_data, actor_of(self.request)
        try:
            if self.instance.pk:
                self.instance = update_list(
                    list_id=self.instance.pk,
                    workspace_id=self.instance.workspace_id,
                    name=typed["name"],
                    description=typed["description"],
                    actor=actor,
                )
            else:
                self.instance = create_list(
                    workspace_id=self.instance.workspace_id,
                    name=typed["name"],
                    description=typed["description"],
                    actor=actor,
                )
        except DomainError as error:
            show_errors(self, error)


class SuppressionForm(ScopedModelForm):
    reason = forms.CharField(
        required=False, max_length=40, initial="manual", widget=UnfoldAdminTextInputWidget(), help_text="Why."
    )

    class Meta:
        model = Suppression
        fields = ("workspace", "type", "value", "reason", "source")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        typed, workspace_id = self.cleaned_data, self.instance.workspace_id
        row = {name: typed[name] for name in ("type", "value", "reason", "source") if typed.get(name)}
        try:
            report = add_suppressions(workspace_id=workspace_id, rows=[row], actor=actor_of(self.request))
        except DomainError as error:
            show_errors(self, error)
            return
        for rejection in report.rejected:
            name = rejection.field.rpartition(".")[2]
            self.add_error(name if name in self.fields else None, rejection.message)
        if report.unchanged:
            self.add_error("value", "This is suppressed already.")
        if not self.errors:
            value = parse_address(typed["type"], typed["value"])
            self.instance = Suppression.objects.get(workspace_id=workspace_id, type=typed["type"], value=value)
