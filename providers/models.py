from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.authorship import Authored
from common.channels import Type
from workspaces.models import Workspace


class Kind(models.TextChoices):
    SANDBOX = "sandbox", "Sandbox: keeps what would be sent, sends nothing"
    SMTP = "smtp", "SMTP relay"
    HTTP = "http", "HTTP API: one message a request"
    HTTP_BATCH = "http_batch", "HTTP batch API: up to 1,000 messages a request"


class Provider(Authored):
    """A configured outside service. An empty `type` takes every type that its kind can send."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="providers")
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=Type.choices, blank=True, default="")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    config = models.JSONField(default=dict, blank=True)
    credentials = models.TextField(default="", blank=True, editable=False, help_text="Encrypted JSON.")
    is_default = models.BooleanField(default=False, help_text="Used by campaigns of its type that name no other.")
    enabled = models.BooleanField(default=True)
    connections = models.PositiveSmallIntegerField(default=4, help_text="Connections per worker process.")
    rate_per_second = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: as fast as it takes.")
    domain_rates = models.JSONField(
        default=dict, blank=True, help_text="Email: recipient domain to the most messages a second that it is sent."
    )
    # What the circuit breaker knows: all workers stop asking until then.
    unavailable_until = models.DateTimeField(null=True, editable=False)
    unavailable_reason = models.CharField(max_length=500, default="", editable=False)
    failures = models.IntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="provider_name_once"),
            models.UniqueConstraint(
                fields=["workspace", "type"], condition=Q(is_default=True), name="provider_default_once_per_type"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="provider_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Sender(Authored):
    """Who a message says that it is from."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="senders")
    type = models.CharField(max_length=10, choices=Type.choices, default=Type.EMAIL)
    name = models.CharField(max_length=100, help_text="The name that recipients see.")
    address = models.CharField(max_length=320, help_text="Email address, or SMS sender id.")
    reply_to = models.EmailField(blank=True, default="")
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "type", "address", "name"], name="sender_once"),
            models.UniqueConstraint(
                fields=["workspace", "type"], condition=Q(is_default=True), name="sender_default_once_per_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


class SandboxMessage(models.Model):
    """What the sandbox was handed: the outbox. Doubles are kept, so that they can be counted."""

    workspace_id = models.BigIntegerField()
    execution_id = models.BigIntegerField(null=True)
    delivery_id = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=Type.choices)
    app_id = models.CharField(max_length=100, default="", blank=True)
    address = models.CharField(max_length=2000)
    content = models.JSONField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "outbox message"
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="sandbox_by_workspace"),
            models.Index(fields=["execution_id", "-id"], name="sandbox_by_execution"),
            # For erasing whoever has an address: an outbox may be told to keep millions.
            HashIndex(fields=["address"], name="sandbox_by_address"),
        ]

    def __str__(self) -> str:
        return self.address
