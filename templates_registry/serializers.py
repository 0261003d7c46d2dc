"""Shapes of the wire for templates, which the API only reads."""

from typing import Any

from rest_framework import serializers

from common.channels import ALIASES, Type
from common.fields import TextField, WordField
from common.serializers import StrictSerializer
from templates_registry.models import Template, TemplateVersion


class TemplateQuery(StrictSerializer):
    type = WordField(Type.choices, required=False, aliases={word: type.value for word, type in ALIASES.items()})
    q = TextField(required=False, max_length=100, help_text="Part of the name.")


class TemplateVariable(serializers.Serializer[Any]):
    name = serializers.CharField()
    # The wire's word is also REST framework's.
    required = serializers.BooleanField(help_text="Whoever has no value for it is skipped.")  # type: ignore[assignment]
    places = serializers.ListField(child=serializers.CharField())


class TemplateRow(serializers.Serializer[Any]):
    template_id = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.ChoiceField(Type.choices)
    purpose = serializers.CharField()
    template_version = serializers.IntegerField()
    variables = TemplateVariable(many=True)
    published_at = serializers.DateTimeField()
    url = serializers.CharField()
    admin_url = serializers.CharField()


class TemplateRead(TemplateRow):
    content = serializers.DictField(child=serializers.CharField(), help_text="Part name to Liquid source.")
    defaults = serializers.DictField()


class TemplatePage(serializers.Serializer[Any]):
    results = TemplateRow(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


def row_on_wire(template: Template) -> dict[str, Any]:
    """`template` is published, its version loaded."""
    version = version_of(template)
    return {
        "template_id": template.pk,
        "name": template.name,
        "type": template.type,
        "purpose": template.purpose,
        "template_version": version.number,
        "variables": version.variables,
        "published_at": version.created_at,
        "url": f"/api/v1/templates/{template.pk}",
        "admin_url": f"/admin/templates_registry/template/{template.pk}/change/",
    }


def on_wire(template: Template) -> dict[str, Any]:
    version = version_of(template)
    return {**row_on_wire(template), "content": version.content, "defaults": version.defaults}


def version_of(template: Template) -> TemplateVersion:
    if template.published is None:
        raise AssertionError("only published templates are presented")
    return template.published
