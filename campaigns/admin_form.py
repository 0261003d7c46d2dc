"""The form of a campaign: what a person types, in the words of the services."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from campaigns.admin_trigger import (
    TRIGGER_FIELDS,
    TriggerForm,
    initial_of,
    show_trigger_errors,
    source_choices,
    trigger_from,
)
from campaigns.fields import CampaignFields
from campaigns.models import TAG_LENGTH, TAGS_PER_CAMPAIGN, Campaign
from campaigns.selectors import app_ids_of, tags_of
from campaigns.services import create_campaign, update_campaign
from campaigns.triggers import triggers_of, wire_trigger_of
from common.errors import DomainError, Invalid
from workspaces.admin_forms import JSONObject, ScopedModelForm, show_errors
from workspaces.admin_scope import actor_of, workspace_ids
from workspaces.roles import Role

_FIELD_OF = {"app_ids": "apps", "tags": "tag_names", "template_id": "template", "sender_id": "sender"}


class CampaignForm(ScopedModelForm, TriggerForm):
    tag_names = forms.CharField(
        label="Tags",
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text=f"Up to {TAGS_PER_CAMPAIGN}, with commas between, each of at most {TAG_LENGTH} characters.",
    )
    personalization = JSONObject(
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text='Key-value pairs as JSON, for example {"offer": "10%"}. A contact\'s own attribute wins.',
    )

    class Meta:
        model = Campaign
        fields = (
            "workspace",
            "name",
            "type",
            "apps",
            "template",
            "sender",
            "purpose",
            "personalization",
            "once",
            "on_cap",
            "on_unknown",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["tag_names"] = ", ".join(tags_of([self.instance]).get(self.instance.pk, []))
        self._begin_trigger()

    def _begin_trigger(self) -> None:
        """What it is; while it is active it stays that."""
        if self.instance.pk:
            self.initial.update(initial_of(wire_trigger_of(self.instance)))
        owned = [self.instance.workspace_id] if self.instance.workspace_id else workspace_ids(self.request, Role.EDITOR)
        for name in ("trigger_sources", "trigger_exclude"):
            field: Any = self.fields.get(name)
            if field is not None:
                field.choices = source_choices(owned, self.initial.get(name, ()))
        found = triggers_of([self.instance]).get(self.instance.pk) if self.instance.pk else None
        for name in TRIGGER_FIELDS:
            if name in self.fields and found is not None and found.active:
                self.fields[name].disabled = True

    def clean_personalization(self) -> Any:
        return self.cleaned_data["personalization"]

    def _post_clean(self) -> None:
        """Saves through the service while errors can still be shown at their fields."""
        if self.errors:
            super()._post_clean()  # type: ignore[misc]
            return
        try:
            self.instance = self._save_by_service()
        except DomainError as error:
            rest = show_trigger_errors(self, error)
            if rest.errors or not isinstance(error, Invalid):
                show_errors(self, rest, _FIELD_OF)

    def _save_by_service(self) -> Campaign:
        actor, fields = actor_of(self.request), self._campaign_fields()
        if self.instance.pk:
            return update_campaign(
                campaign_id=self.instance.pk, workspace_id=self.instance.workspace_id, actor=actor, **fields
            )
        workspace_id = self.instance.workspace_id or self.cleaned_data["workspace"].pk
        return create_campaign(workspace_id=workspace_id, actor=actor, **fields)

    def _campaign_fields(self) -> CampaignFields:
        typed = self.cleaned_data
        fields: CampaignFields = {
            "name": typed["name"],
            "app_ids": self._app_ids(),
            "template_id": typed["template"].pk if typed.get("template") else None,
            "tags": [tag.strip() for tag in typed["tag_names"].split(",") if tag.strip()],
            "purpose": typed["purpose"],
            "sender_id": typed["sender"].pk if typed.get("sender") else None,
            "personalization": typed["personalization"],
            "once": typed["once"],
            "on_cap": typed["on_cap"],
            "on_unknown": typed["on_unknown"],
            "trigger": trigger_from(typed),
        }
        if not self.instance.pk:
            fields["type"] = typed["type"]
        return fields

    def _app_ids(self) -> list[str]:
        """In the order they had, new ones last."""
        chosen = [app.app_id for app in self.cleaned_data["apps"]]
        had = app_ids_of([self.instance]).get(self.instance.pk, []) if self.instance.pk else []
        return [app_id for app_id in had if app_id in chosen] + [app_id for app_id in chosen if app_id not in had]
