"""Campaigns in the admin: made and changed through the services, launched from a screen of their own."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from campaigns.admin_form import CampaignForm
from campaigns.models import Campaign, CampaignState
from campaigns.services import archive_campaign
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


@admin.register(Campaign)
class CampaignAdmin(ServiceModelAdmin):
    form = CampaignForm
    list_display = ("name_or_number", "type", "template", "tag_list", "made_by", "updated_at", "launch_link")
    list_display_links = ("name_or_number",)
    list_filter = ("type", StateFilter, TagFilter)
    list_select_related = ("template",)
    search_fields = ("name",)
    search_help_text = "Part of the name"
    autocomplete_fields = ("template", "sender", "apps")
    change_form_template = "volley/campaign_form.html"
    actions = ("archive_selected",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).prefetch_related("tags")

    @admin.display(description="Name")
    def name_or_number(self, campaign: Campaign) -> str:
        return str(campaign)

    @admin.display(description="Tags")
    def tag_list(self, campaign: Campaign) -> str:
        return format_html_join(" ", '<span class="v-tag">{}</span>', ((tag.name,) for tag in campaign.tags.all()))

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
        return ((None, {"fields": what}), ("Policies", {"fields": policies}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "type") if obj else fields

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
        for campaign in allowed:
            archive_campaign(campaign_id=campaign.pk, workspace_id=campaign.workspace_id, actor=actor_of(request))
        messages.success(request, f"Archived: {len(allowed)}.")

    def has_archive_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, Role.EDITOR)
