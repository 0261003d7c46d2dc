from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.authorship import Authored
from common.channels import Type
from workspaces.models import Workspace


class Template(Authored):
    """Content for one type. `content` is the draft; what is sent is always a published version."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="templates")
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=Type.choices)
    purpose = models.CharField(
        max_length=13,
        choices=[("marketing", "Marketing"), ("transactional", "Transactional")],
        default="marketing",
        help_text="A marketing email must contain an unsubscribe link.",
    )
    content = models.JSONField(default=dict, help_text="Draft: part name to Liquid source.")
    defaults = models.JSONField(default=dict, blank=True, help_text="Variable to the value used when nobody gives one.")
    sample = models.JSONField(default=dict, blank=True, help_text="Variable to a value for previews.")
    revision = models.IntegerField(default=1, editable=False, help_text="Grows with each save of the draft.")
    published = models.ForeignKey(
        "TemplateVersion", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    archived_at = models.DateTimeField(null=True, editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(type__in=Type.values), name="template_type_known")]
        indexes = [models.Index(fields=["workspace", "-id"], name="template_by_workspace")]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(Authored):
    """Immutable: what an execution pins."""

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="versions")
    workspace_id = models.BigIntegerField()
    number = models.IntegerField()
    content = models.JSONField()
    defaults = models.JSONField(default=dict)
    variables = models.JSONField(default=list)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_version_once")]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"
