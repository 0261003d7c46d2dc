from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from audiences.events.models import AnonymousIdentity as AnonymousIdentity
from audiences.events.models import Event as Event
from audiences.events.models import EventSource as EventSource
from audiences.rights.models import ConsentChange as ConsentChange
from audiences.rights.models import ErasedValue as ErasedValue
from audiences.rights.models import Erasure as Erasure
from audiences.rights.models import ErasureKey as ErasureKey
from common.authorship import Authored
from common.channels import APP_TYPES, Type
from workspaces.models import App, Workspace


class Consent(models.TextChoices):
    SUBSCRIBED = "subscribed", "Subscribed"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"


class AddressState(models.TextChoices):
    ACTIVE = "active", "Active"
    INVALID = "invalid", "Invalid: it can't be an address"
    DEAD = "dead", "Dead: the provider said that nobody is there"


class Contact(models.Model):
    """A person, by the customer's own external id; without one, known by an address."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="contacts")
    external_id = models.CharField(max_length=255, null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    locale = models.CharField(max_length=35, default="", blank=True)
    timezone = models.CharField(max_length=64, default="", blank=True)
    temporary = models.BooleanField(default=False, help_text="Came in an upload that was not kept.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "external_id"], name="contact_external_id_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "id"], name="contact_by_workspace"),
            GinIndex(OpClass("attributes", name="jsonb_path_ops"), name="contact_by_attribute"),
        ]

    def __str__(self) -> str:
        return self.external_id or f"contact {self.pk}"


class Address(models.Model):
    """Where a contact can be reached. Email values are lower case, phone numbers E.164."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="addresses")
    type = models.CharField(max_length=10, choices=Type.choices)
    app = models.ForeignKey(App, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    value = models.CharField(max_length=2000)
    platform = models.CharField(max_length=20, default="", blank=True)
    state = models.CharField(max_length=10, choices=AddressState.choices, default=AddressState.ACTIVE)
    consent = models.CharField(max_length=12, choices=Consent.choices, default=Consent.SUBSCRIBED)
    consent_source = models.CharField(max_length=100, default="", blank=True)
    consent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "type", "app", "value"], nulls_distinct=False, name="address_once_per_contact"
            ),
            models.UniqueConstraint(
                fields=["app", "value"], condition=Q(type__in=sorted(APP_TYPES)), name="token_once_per_app"
            ),
            models.CheckConstraint(
                condition=Q(type__in=sorted(APP_TYPES), app__isnull=False)
                | (~Q(type__in=sorted(APP_TYPES)) & Q(app__isnull=True)),
                name="address_app_where_needed",
            ),
            models.CheckConstraint(condition=Q(state__in=AddressState.values), name="address_state_known"),
            models.CheckConstraint(condition=Q(consent__in=Consent.values), name="address_consent_known"),
        ]
        indexes = [
            models.Index(fields=["workspace", "type", "value"], name="address_by_value"),
            models.Index(
                fields=["workspace", "type", "value"], condition=Q(consent="unsubscribed"), name="address_refused"
            ),
        ]

    def __str__(self) -> str:
        return self.value


class Suppression(models.Model):
    """Never send to this value, whoever has it. The strongest reason, with its source and time; the weaker ones, as
    objects of `reason`, `source` and `created_at`, are `other_reasons` (`audiences.suppression_reasons`)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="suppressions")
    type = models.CharField(max_length=10, choices=Type.choices)
    value = models.CharField(max_length=2000)
    reason = models.CharField(max_length=40, default="manual")
    source = models.CharField(max_length=200, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    other_reasons = models.JSONField(default=list, db_default=Value([], models.JSONField()), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "type", "value"], name="suppression_once")]

    def __str__(self) -> str:
        return f"{self.type} {self.value}"


class List(Authored):
    """A fixed set of contacts."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="lists")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, default="", blank=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="list_by_workspace")]

    def __str__(self) -> str:
        return self.name


class ListMembership(models.Model):
    pk = models.CompositePrimaryKey("list_id", "contact_id")
    list = models.ForeignKey(List, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="list_memberships")
    workspace_id = models.BigIntegerField()


class Segment(Authored):
    """Whoever fits a rule at the moment of asking. The rule's language: `audiences.segments.vocabulary`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="segments")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, default="", blank=True)
    rule = models.JSONField()
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="segment_by_workspace")]

    def __str__(self) -> str:
        return self.name


class UploadState(models.TextChoices):
    MAPPING = "mapping", "To be mapped"
    WAITING = "waiting", "Waiting"
    IMPORTING = "importing", "Importing"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class UploadKind(models.TextChoices):
    CONTACTS = "contacts", "Contacts"
    SUPPRESSIONS = "suppressions", "Suppressions"


class Upload(Authored):
    """A file of contacts, imported in the background; as a data source, the people in it. Or one of suppressions."""

    kind = models.CharField(
        max_length=12,
        choices=UploadKind.choices,
        default=UploadKind.CONTACTS,
        db_default=UploadKind.CONTACTS,
        editable=False,
    )
    fixed = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        editable=False,
        help_text="Of suppressions: type, reason and source of every line that has no column for it.",
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="uploads")
    name = models.CharField(max_length=200)
    format = models.CharField(max_length=10, choices=[("csv", "CSV"), ("ndjson", "NDJSON"), ("parquet", "Parquet")])
    compression = models.CharField(
        max_length=10, choices=[("gzip", "gzip")], default="", db_default="", blank=True, editable=False
    )
    encoding = models.CharField(max_length=20, default="utf-8", db_default="utf-8", editable=False)
    sha256 = models.CharField(max_length=64, default="", db_default="", editable=False)
    file = models.FileField(upload_to="uploads/%Y/%m/")
    mapping = models.JSONField(default=dict, blank=True, help_text="Column of the file to field of the contact.")
    list = models.ForeignKey(
        List, null=True, blank=True, on_delete=models.RESTRICT, help_text="Put everyone in this list too."
    )
    keep = models.BooleanField(default=True, help_text="Keep these people; otherwise they are temporary.")
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.WAITING)
    error = models.CharField(max_length=500, default="", blank=True)
    bytes_total = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    position = models.BigIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Where the next chunk begins: bytes of the inflated UTF-8 text, rows of a Parquet file.",
    )
    lines_read = models.BigIntegerField(default=0)
    rate = models.FloatField(default=0, db_default=0, editable=False, help_text="Rows a second, of late.")
    rows_read = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(
        default=0, db_default=0, help_text="Rows about somebody whom an earlier row was about."
    )
    personalized = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Somebody in it has personalization."
    )
    rejected_file = models.FileField(upload_to="rejected/%Y/%m/", blank=True)
    rejected_bytes = models.BigIntegerField(
        default=0, editable=False, help_text="How much of the file of refused rows belongs to committed chunks."
    )
    rejected_kept = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="How many refused rows are in that file."
    )
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, editable=False, help_text="When the file, and whoever is not kept, is deleted; empty while in use."
    )
    purging_at = models.DateTimeField(null=True, editable=False, help_text="Since when nobody can launch to it.")
    purged_at = models.DateTimeField(null=True, editable=False)
    # Not kept: it was there before the file that was just sent (`audiences.uploads.create_upload`).
    repeated = False

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_state_known"),
            models.CheckConstraint(
                condition=Q(
                    rows_read=models.F("created") + models.F("updated") + models.F("unchanged") + models.F("rejected")
                ),
                name="upload_counts_add_up",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="upload_by_workspace"),
            models.Index(fields=["workspace", "sha256"], condition=~Q(sha256=""), name="upload_by_content"),
        ]

    def __str__(self) -> str:
        return self.name


class UploadMapping(models.Model):
    """What the columns of a header meant when somebody last started an import of them."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    fingerprint = models.CharField(max_length=64, help_text="Of the header: `audiences.files.suggesting.fingerprint`.")
    mapping = models.JSONField()
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "fingerprint"], name="upload_mapping_once")]


class UploadMembership(models.Model):
    pk = models.CompositePrimaryKey("upload_id", "contact_id")
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="upload_memberships")
    workspace_id = models.BigIntegerField()
    personalization = models.JSONField(null=True)
