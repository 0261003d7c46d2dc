from django.db import models
from django.db.models.functions import Now

from audiences.events.trigger_models import EventTrigger as EventTrigger
from audiences.events.trigger_models import PerContact as PerContact
from audiences.events.trigger_models import TriggerHit as TriggerHit
from workspaces.models import Workspace


class EventSource(models.TextChoices):
    """What brought it in."""

    SERVER = "server", "A server, over /api/v1/events"
    TRACK = "track", "An SDK's track call"
    PAGE = "page", "An SDK's page call"
    SCREEN = "screen", "An SDK's screen call"
    IDENTIFY = "identify", "An SDK's identify call"
    GROUP = "group", "An SDK's group call"
    ALIAS = "alias", "An SDK's alias call"


class Event(models.Model):
    """What somebody did, or, without a contact, what happened to the business. Partitioned by month of receipt.

    `received_month` is the first day, in UTC, of the month of `received_at`; `at` is never more than fifteen minutes
    after `received_at`. So whoever looks for events since a moment also asks for `received_month` at or after the
    month of the day before it, and reads only those partitions. `message_key` is a hash of the message id and of
    where it came from: one that was received before, in this month or the last days of the one before, is dropped.
    No foreign keys: COPY would check them row by row. Writers lock the contacts instead.
    """

    pk = models.CompositePrimaryKey("workspace_id", "id", "received_month")
    workspace_id = models.BigIntegerField()
    id = models.BigIntegerField()
    received_month = models.DateField()
    contact_id = models.BigIntegerField(null=True)
    app_id = models.BigIntegerField(null=True)
    source = models.TextField(choices=EventSource.choices)
    name = models.TextField()
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    anonymous_id = models.TextField(null=True)
    message_id = models.TextField()
    message_key = models.UUIDField()
    properties = models.JSONField(default=dict)
    context = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "audiences_event"


class AnonymousIdentity(models.Model):
    """Who an SDK's anonymous id turned out to be, by an identify or an alias: the last one to say so counts."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    anonymous_id = models.CharField(max_length=255)
    contact = models.ForeignKey("audiences.Contact", on_delete=models.CASCADE, related_name="anonymous_identities")
    linked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "anonymous_id"], name="anonymous_id_once")]
