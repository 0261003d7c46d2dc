from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from campaigns.models import Campaign, OnCap, OnUnknown, Purpose
from common.authorship import Authored
from common.channels import Type
from providers.models import Provider, Sender
from templates_registry.models import TemplateVersion
from workspaces.models import Workspace


class FrozenLaunch(models.Model):
    """What a launch sends, and how: as the campaign was when it was asked for."""

    campaign_name = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=Type.choices)
    app_ids = ArrayField(models.CharField(max_length=100), default=list)
    tags = ArrayField(models.CharField(max_length=25), default=list)
    template_version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(Sender, null=True, on_delete=models.PROTECT, related_name="+")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=13, choices=Purpose.choices)
    on_cap = models.CharField(max_length=5, choices=OnCap.choices)
    on_unknown = models.CharField(max_length=6, choices=OnUnknown.choices)
    frequency_capping = models.BooleanField(default=True)
    campaign_personalization = models.JSONField(default=dict)
    personalization = models.JSONField(default=dict)
    rate_per_minute = models.PositiveIntegerField(null=True, help_text="Empty: as fast as the provider takes.")

    class Meta:
        abstract = True


FROZEN = tuple(field.attname for field in FrozenLaunch._meta.local_fields)


class TriggerActivation(Authored, FrozenLaunch):
    """A triggered campaign while it is active: what each execution that its events make is frozen from.

    `definition` is the trigger as it was activated (`audiences.events.triggers.definition_of`), a business event's
    audience with the rules of its segments. `counts`: what became of its events, but for those that wait.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="activations")
    definition = models.JSONField()
    counts = models.JSONField(default=dict, help_text="Word of `Became` to number of events.")
    ended_at = models.DateTimeField(null=True, help_text="Deactivated: no event from then on is for it.")
    drops_waiting = models.BooleanField(default=False, help_text="What waited when it ended is not sent.")
    emptied_at = models.DateTimeField(null=True, help_text="It has ended, and nothing waits any more.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(ended_at__isnull=True), name="activation_one_at_a_time"
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(emptied_at__isnull=True), name="activation_live"),
            models.Index(fields=["campaign", "-id"], name="activation_by_campaign"),
        ]

    def __str__(self) -> str:
        return f"activation {self.pk} of campaign {self.campaign_id}"


class Became(models.TextChoices):
    """What became of an event that fitted a trigger."""

    PROMOTED = "promoted", "A recipient of an execution; for a business event, an execution"
    STOPPED = "stopped", "A cancelling event came before it was due"
    AGAIN = "again", "The contact had its message already: once, or within the window"
    TOO_OFTEN = "too_often", "More in an hour than anybody wants: a loop, most likely"
    DROPPED = "dropped", "The trigger was deactivated, or the hour's execution cancelled, while it waited"
    DELETED = "deleted", "The contact was deleted while it waited"
    REFUSED = "refused", "It was not to be launched upon: `PassedOver.why` says why"


class PassedOver(models.Model):
    """An event that fitted a trigger and upon which nobody was sent anything: why. Kept for a month."""

    pk = models.CompositePrimaryKey("event_id", "activation_id")
    event_id = models.BigIntegerField()
    activation_id = models.BigIntegerField()
    became = models.CharField(max_length=10, choices=Became.choices)
    why = models.JSONField(null=True, help_text="Of a refused one: code, message and hint.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["at"], name="passed_over_at")]


class TriggerUse(models.Model):
    """How often a campaign's trigger was promoted for a contact in `hour`, and when last; contact 0 is the business.

    Kept by campaign, so that activating it again does not send to everybody again. `activation_id`, `hour` and `count`
    name the execution that has the last one (`accepts_until`, `occurrence`): only what was sent there, or still may be,
    counts for "once" and for a window. `counted_at`: when the last one before it was promoted that did.
    """

    pk = models.CompositePrimaryKey("campaign_id", "contact_id")
    campaign_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    hour = models.DateTimeField()
    count = models.SmallIntegerField()
    last_at = models.DateTimeField()
    activation_id = models.BigIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)
