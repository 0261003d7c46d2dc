from django.db import models
from django.db.models import Q

from workspaces.models import Workspace


class PerContact(models.TextChoices):
    """How often the events of one contact make a campaign be sent to it."""

    EVERY = "every", "Every time"
    WINDOW = "window", "Once in a window"
    ONCE = "once", "Once for all"


class EventTrigger(models.Model):
    """The event that a campaign is sent upon: what events are held against while `activation_id` is there.

    `conditions` and `cancel_conditions` are filters of an event's properties as a segment's rule has them (`where`).
    A business event has no contact, and launches to `audience`. Nothing here changes while it is active; what is sent
    was frozen by `executions.triggering.services.activate_trigger`. No foreign keys to campaigns and activations:
    their apps are above this one.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    campaign_id = models.BigIntegerField(unique=True)
    event_name = models.CharField(max_length=200)
    conditions = models.JSONField(default=list)
    delay_seconds = models.PositiveIntegerField(default=0)
    per_contact = models.CharField(max_length=6, choices=PerContact.choices, default=PerContact.EVERY)
    window_seconds = models.PositiveIntegerField(null=True)
    cancel_event = models.CharField(max_length=200, blank=True, default="", help_text="Empty: nothing stops it.")
    cancel_conditions = models.JSONField(default=list)
    business = models.BooleanField(default=False)
    audience = models.JSONField(null=True, help_text="Of a business event, as a launch takes it.")
    activation_id = models.BigIntegerField(null=True, help_text="Empty: it is not active.")
    activated_at = models.DateTimeField(null=True, help_text="When it was activated last.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(per_contact__in=PerContact.values), name="trigger_per_contact_known"),
            models.CheckConstraint(
                condition=Q(per_contact=PerContact.WINDOW, window_seconds__gte=1)
                | (~Q(per_contact=PerContact.WINDOW) & Q(window_seconds__isnull=True)),
                name="trigger_window_where_asked",
            ),
            models.CheckConstraint(
                condition=Q(business=True, audience__isnull=False) | Q(business=False, audience__isnull=True),
                name="trigger_audience_of_business",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "event_name"], condition=Q(activation_id__isnull=False), name="trigger_by_event"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_name} for campaign {self.campaign_id}"

    @property
    def active(self) -> bool:
        return self.activation_id is not None


class TriggerHit(models.Model):
    """An event that fits a trigger, until it is promoted: written by the transaction that records the event.

    A business event's has no contact. No foreign keys: as of events.
    """

    workspace_id = models.BigIntegerField()
    activation_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    received_month = models.DateField()
    at = models.DateTimeField(help_text="The event's own time.")
    due_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["activation_id", "due_at"], name="hit_due")]
