import secrets

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from common.authorship import Authored
from workspaces.roles import Role


def new_write_key() -> str:
    return f"wk_{secrets.token_urlsafe(24)}"


class User(AbstractUser):
    """A person of the staff. What they see is decided by their memberships; a superuser sees every workspace."""


class Workspace(models.Model):
    """The tenant: everything belongs to one."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    timezone = models.CharField(max_length=64, default="UTC")
    requires_approval = models.BooleanField(
        default=False, help_text="A launch waits until somebody other than its author approves it."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class App(models.Model):
    """A mobile app, site or brand; push addresses belong to one."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="apps")
    app_id = models.CharField(
        max_length=100, help_text="The public name that API callers and SDKs use, for example shop-android."
    )
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "app_id"], name="app_id_once_per_workspace")]

    def __str__(self) -> str:
        return self.app_id


class Membership(models.Model):
    """What a person may do in a workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "workspace"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}: {self.role}"


class ApiKey(Authored):
    """Opens exactly one workspace. Only the prefix and a hash of the key are kept."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    hash = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class WriteKey(Authored):
    """Public: it can only send events of its app in, so it may be shipped inside an app or a page."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="write_keys")
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="write_keys")
    name = models.CharField(max_length=100, default="", blank=True, help_text="For yourself: where it is used.")
    key = models.CharField(max_length=64, unique=True, default=new_write_key, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"{self.name or self.app.app_id} ({self.key[:9]}…)"


class AuditEntry(models.Model):
    """Who did what to what, and when. Written by services; never changed."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="audit_entries")
    at = models.DateTimeField(db_default=Now())
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.BigIntegerField()
    object_name = models.CharField(max_length=200)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_by_workspace"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_type} {self.object_name}"
