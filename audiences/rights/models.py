from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from common.authorship import Authored
from common.channels import Type
from workspaces.models import Workspace


class Way(models.TextChoices):
    """By what way a consent changed."""

    API = "api", "The API"
    UPLOAD = "upload", "An upload"
    LAUNCH = "launch", "A launch that named the person"
    SDK = "sdk", "An SDK"
    LINK = "link", "The link in a message"
    PREFERENCES = "preferences", "The page of preferences"
    ERASURE = "erasure", "The person was erased"


class ConsentChange(models.Model):
    """A consent that changed, or was given anew. Append-only; the address holds what came of it.

    What an address came with is not written again: it is the `before` of the first change. `source` and `at` are
    what was said of the consent, `recorded_at` is when we learned of it. Of a person who was erased `value` is empty
    and `value_hash` is kept. No foreign key to the contact: the proof outlives the person's row.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact_id = models.BigIntegerField()
    type = models.CharField(max_length=10, choices=Type.choices)
    value = models.CharField(max_length=2000)
    value_hash = models.BinaryField(max_length=32, null=True)
    before = models.CharField(max_length=12)
    before_source = models.CharField(max_length=100, default="")
    before_at = models.DateTimeField(null=True)
    after = models.CharField(max_length=12)
    source = models.CharField(max_length=100, default="")
    at = models.DateTimeField(null=True)
    way = models.CharField(max_length=12, choices=Way.choices)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["contact_id", "-id"], name="consent_change_by_contact")]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class ErasureKey(models.Model):
    """The secret that a workspace's erased values are hashed with, encrypted at rest. It must outlive them all."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="+")
    secret = models.TextField()


class Erasure(Authored):
    """Somebody was erased. `contact_ids` lead nowhere any more; nothing here tells who it was."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    contact_ids = ArrayField(models.BigIntegerField())
    addresses = models.IntegerField()
    events = models.IntegerField()
    swept_at = models.DateTimeField(null=True, help_text="When what was in flight meanwhile was taken out too.")

    class Meta:
        indexes = [
            GinIndex(fields=["contact_ids"], name="erasure_by_contact"),
            models.Index(fields=["created_at"], condition=models.Q(swept_at=None), name="erasure_not_swept"),
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk}"


class ErasedValue(models.Model):
    """A hashed suppression: HMAC-SHA256 of what named somebody who was erased. `type` is that of an address, or
    `external_id`, which suppresses nothing and only lets asking again find the answer."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=11)
    hash = models.BinaryField(max_length=32)
    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="values")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "hash"], name="erased_value_once")]
