"""Campaigns in the admin: made and changed through the services, launched from a screen of their own."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from audiences.events.models import EventTrigger
from audiences.events.triggers import trigger_of
from audiences.segments.vocabulary import OPERATORS
from campaigns.admin_form import CampaignForm
from campaigns.admin_trigger import TRIGGER_ROWS
from campaigns.models import Campaign, CampaignState
from campaigns.services import archive_campaign
from campaigns.trigger_words import per_contact_words, trigger_words
from common.errors import DomainError
from workspaces.admin_scope import actor_of, workspace_ids
from workspaces.roles import Role
from workspaces.scoped_admin import ServiceModelAdmin


class TagFilter(admin.SimpleListFilter):
    title = "tag"
    parameter_name = "tag"
    SHOWN = 100

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        from campaigns.models import Tag

        names = Tag.objects.filter(workspace_id__in=workspace_ids(request)).order_by("name")
        return [(name, name) for name in dict.fromkeys(names.values_list("name", flat=True)[: self.SHOWN])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(tags__name__iexact=self.value(), tags__workspace_id__in=workspace_ids(request))


class StateFilter(admin.SimpleListFilter):
    """Archived campaigns are out of the way unless asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("archived", "Archived"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            if choice["query_string"] == changelist.get_query_string(remove=[self.parameter_name]):
                choice["display"] = "Draft"
            yield choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        archived = self.value() == "archived"
        return queryset.filter(state=CampaignState.ARCHIVED if archived else CampaignState.DRAFT)


class TriggerFilter(admin.SimpleListFilter):
    title = "trigger"
    parameter_name = "trigger"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("any", "Sent upon an event"), ("none", "Launched")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        triggers = EventTrigger.objects.filter(campaign_id=OuterRef("pk"))
        match self.value():
            case "active":
                return queryset.filter(Exists(triggers.filter(activation_id__isnull=False)))
            case "any":
                return queryset.filter(Exists(triggers))
            case "none":
                return queryset.exclude(Exists(triggers))
        return queryset


@admin.register(Campaign)
class CampaignAdmin(ServiceModelAdmin):
    form = CampaignForm
    list_display = (
        "name_or_number",
        "type",
        "template",
        "tag_list",
        "sent_upon",
        "made_by",
        "updated_at",
        "launch_link",
    )
    list_display_links = ("name_or_number",)
    list_filter = ("type", StateFilter, TriggerFilter, TagFilter)
    list_select_related = ("template",)
    search_fields = ("name",)
    search_help_text = "Part of the name"
    autocomplete_fields = ("template", "sender", "apps")
    change_form_template = "volley/campaign_form.html"
    actions = ("archive_selected",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        trigger = EventTrigger.objects.filter(campaign_id=OuterRef("pk"))
        event = Subquery(trigger.values("event_name")[:1])
        active = Exists(trigger.filter(activation_id__isnull=False))
        found: QuerySet[Campaign] = super().get_queryset(request).prefetch_related("tags")
        return found.annotate(event_name=event, active=active)

    @admin.display(description="Name")
    def name_or_number(self, campaign: Campaign) -> str:
        return str(campaign)

    @admin.display(description="Tags")
    def tag_list(self, campaign: Campaign) -> str:
        return format_html_join(" ", '<span class="v-tag">{}</span>', ((tag.name,) for tag in campaign.tags.all()))

    @admin.display(description="Sent upon")
    def sent_upon(self, campaign: Any) -> str:
        if not campaign.event_name:
            return ""
        url = reverse("admin:campaigns_campaign_activate", args=[campaign.pk])
        state, word = ("running", "Active") if campaign.active else ("draft", "Not active")
        return format_html(
            '{} <a class="v-state v-state-{}" href="{}">{}</a>', campaign.event_name[:60], state, url, word
        )

    @admin.display(description="Trigger")
    def trigger_in_words(self, campaign: Campaign) -> str:
        found = trigger_of(campaign.pk) if campaign.pk else None
        return f"{trigger_words(found)}. {per_contact_words(found)}." if found else "None: it is launched."

    @admin.display(description="")
    def launch_link(self, campaign: Campaign) -> str:
        if campaign.state == CampaignState.ARCHIVED:
            return "Archived"
        url = reverse("admin:campaigns_campaign_launch", args=[campaign.pk])
        return format_html('<a class="v-button v-button-small" href="{}">Review and launch</a>', url)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = ["name", "type", "apps", "template", "sender", "tag_names", "personalization"]
        if len(workspace_ids(request)) > 1:
            what.insert(0, "workspace")
        policies = ("purpose", "once", "on_cap", "on_unknown")
        changes = self.has_change_permission(request, obj) if obj else True
        trigger = TRIGGER_ROWS if changes else ("trigger_in_words",)
        return ((None, {"fields": what}), ("Trigger", {"fields": trigger}), ("Policies", {"fields": policies}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "type", "trigger_in_words") if obj else fields

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        found = self.get_object(request, object_id) if object_id else None
        builder = {
            "operators": OPERATORS,
            "kinds": {},
            "refers": False,
            "words_url": reverse("admin:audiences_segment_words"),
            "workspace": found.workspace_id if found else next(iter(workspace_ids(request, Role.EDITOR)), None),
        }
        trigger = trigger_of(found.pk) if found else None
        context = {**(extra_context or {}), "builder": builder, "trigger": trigger}
        return super().changeform_view(request, object_id, form_url, context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        archived = isinstance(obj, Campaign) and obj.state == CampaignState.ARCHIVED
        return not archived and super().has_change_permission(request, obj)

    def response_add(self, request: HttpRequest, obj: Campaign, post_url_continue: Any = None) -> HttpResponse:
        if {"_continue", "_addanother", "_popup"} & request.POST.keys():
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, "The campaign is stored. Nothing is sent until you launch it.")
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_launch", args=[obj.pk]))

    @admin.action(description="Archive", permissions=["archive"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        allowed = queryset.filter(workspace_id__in=workspace_ids(request, Role.EDITOR)).order_by("pk")
        archived = 0
        for campaign in allowed:
            try:
                archive_campaign(campaign_id=campaign.pk, workspace_id=campaign.workspace_id, actor=actor_of(request))
                archived += 1
            except DomainError as error:
                messages.error(request, error.detail)
        messages.success(request, f"Archived: {archived}.")

    def has_archive_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, Role.EDITOR)
