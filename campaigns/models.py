from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from common.authorship import Authored
from common.channels import Type
from providers.models import Sender
from templates_registry.models import Template
from workspaces.models import App, Workspace

TAG_LENGTH = 25
TAGS_PER_CAMPAIGN = 5
APPS_PER_CAMPAIGN = 5


class Purpose(models.TextChoices):
    MARKETING = "marketing", "Marketing"
    TRANSACTIONAL = "transactional", "Transactional"


class OnCap(models.TextChoices):
    SKIP = "skip", "Skip whoever is over the cap"
    DEFER = "defer", "Wait for the earliest slot"


class OnUnknown(models.TextChoices):
    HOLD = "hold", "Hold: nobody is sent to twice"
    RESEND = "resend", "Send again: nobody is missed"


class CampaignState(models.TextChoices):
    DRAFT = "draft", "Draft"
    ARCHIVED = "archived", "Archived"


class Tag(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=TAG_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint("workspace", Lower("name"), name="tag_once_per_workspace")]

    def __str__(self) -> str:
        return self.name


class Campaign(Authored):
    """What to send. Nothing is launched by its existence: an execution launches it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=Type.choices)
    apps = models.ManyToManyField(App, blank=True, related_name="campaigns")
    tags = models.ManyToManyField(Tag, blank=True, related_name="campaigns")
    template = models.ForeignKey(Template, null=True, blank=True, on_delete=models.RESTRICT, related_name="campaigns")
    sender = models.ForeignKey(Sender, null=True, blank=True, on_delete=models.RESTRICT, related_name="campaigns")
    purpose = models.CharField(max_length=13, choices=Purpose.choices, default=Purpose.MARKETING)
    personalization = models.JSONField(default=dict, blank=True)
    once = models.BooleanField(default=False, help_text="It can be executed a single time.")
    on_cap = models.CharField(max_length=5, choices=OnCap.choices, default=OnCap.SKIP)
    on_unknown = models.CharField(max_length=6, choices=OnUnknown.choices, default=OnUnknown.HOLD)
    state = models.CharField(max_length=8, choices=CampaignState.choices, default=CampaignState.DRAFT, editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(type__in=Type.values), name="campaign_type_known"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="campaign_purpose_known"),
            models.CheckConstraint(condition=Q(on_cap__in=OnCap.values), name="campaign_on_cap_known"),
            models.CheckConstraint(condition=Q(on_unknown__in=OnUnknown.values), name="campaign_on_unknown_known"),
            models.CheckConstraint(condition=Q(state__in=CampaignState.values), name="campaign_state_known"),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="campaign_by_workspace")]

    def __str__(self) -> str:
        return self.name or f"campaign {self.pk}"
