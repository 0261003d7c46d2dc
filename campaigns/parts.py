"""Finds what a campaign refers to, in its workspace; foreign and absent are told alike."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audiences.audience_sources import missing_sources
from campaigns.models import Purpose
from campaigns.trigger_reading import TriggerReading, read_trigger
from common.channels import Type
from common.errors import FieldError
from common.personalization import shown
from providers.models import Sender
from templates_registry.liquid import has_unsubscribe_link
from templates_registry.models import Template
from workspaces.models import App

_TEMPLATES_HINT = "List them with GET /api/v1/templates; templates are made in the admin."


@dataclass(slots=True)
class Parts:
    """What was found, and what was not."""

    apps: list[App] = field(default_factory=list)
    template: Template | None = None
    sender: Sender | None = None
    trigger: TriggerReading | None = None
    errors: list[FieldError] = field(default_factory=list)


def find_parts(*, workspace_id: int, fields: Mapping[str, Any], given: Container[str]) -> Parts:
    """`fields` is a whole campaign in the words of `CampaignFields`; the trigger is read where it is `given`."""
    parts = Parts()
    _find_apps(parts, workspace_id, fields["app_ids"])
    _find_template(parts, workspace_id, fields)
    _find_sender(parts, workspace_id, fields)
    if "trigger" in given:
        _read_trigger(parts, workspace_id, fields["trigger"])
    return parts


def _read_trigger(parts: Parts, workspace_id: int, value: Any) -> None:
    parts.trigger = read_trigger(value)
    parts.errors += parts.trigger.errors
    parts.errors += missing_sources(workspace_id=workspace_id, sources=parts.trigger.sources)


def _find_apps(parts: Parts, workspace_id: int, app_ids: Sequence[str]) -> None:
    if not app_ids:
        return
    known = {app.app_id: app for app in App.objects.filter(workspace_id=workspace_id, app_id__in=list(app_ids))}
    for place, app_id in enumerate(app_ids):
        if app_id not in known:
            message = "This workspace has no such app."
            hint = "An app is named by its app_id, a string; see Apps in the admin."
            parts.errors.append(FieldError(f"app_ids[{place}]", "not_found", message, shown(app_id), hint=hint))
    parts.apps = [known[app_id] for app_id in dict.fromkeys(app_ids) if app_id in known]


def _find_template(parts: Parts, workspace_id: int, fields: Mapping[str, Any]) -> None:
    template_id = fields["template_id"]
    if template_id is None:
        return
    parts.template = (
        Template.objects.select_related("published").filter(workspace_id=workspace_id, pk=template_id).first()
    )
    code, message, hint = _template_trouble(parts.template, fields)
    if code:
        parts.errors.append(FieldError("template_id", code, message, template_id, hint=hint))


def _template_trouble(template: Template | None, fields: Mapping[str, Any]) -> tuple[str, str, str | None]:
    if template is None:
        return "not_found", "This workspace has no such template.", _TEMPLATES_HINT
    if template.archived_at is not None:
        return "archived", "The template is archived.", _TEMPLATES_HINT
    if template.published is None:
        return "not_published", "The template was never published.", "Publish it in the admin, or take another."
    if fields.get("type") in Type.values and template.type != fields["type"]:
        message = f"The template is for {template.type}, the campaign for {fields['type']}."
        return "wrong_type", message, f"Take a template of type {fields['type']}."
    if _lacks_unsubscribe_link(template, fields):
        message = "The template has no unsubscribe link, and a marketing email needs one."
        return "no_unsubscribe_link", message, "Put {{ unsubscribe_url }} in, or say that the purpose is transactional."
    return "", "", None


def _lacks_unsubscribe_link(template: Template, fields: Mapping[str, Any]) -> bool:
    """Publishing holds marketing templates to it; one published as transactional can still be named here."""
    if template.type != Type.EMAIL or fields["purpose"] != Purpose.MARKETING or template.published is None:
        return False
    return template.purpose != Purpose.MARKETING and not has_unsubscribe_link(
        template.published.content.get("html", "")
    )


def _find_sender(parts: Parts, workspace_id: int, fields: Mapping[str, Any]) -> None:
    sender_id = fields["sender_id"]
    if sender_id is None:
        return
    parts.sender = Sender.objects.filter(workspace_id=workspace_id, pk=sender_id).first()
    if parts.sender is None:
        message, hint = (
            "This workspace has no such sender.",
            "Senders are made in the admin; leave it out for the default.",
        )
        parts.errors.append(FieldError("sender_id", "not_found", message, sender_id, hint=hint))
    elif fields.get("type") in Type.values and parts.sender.type != fields["type"]:
        message = f"The sender is for {parts.sender.type}, the campaign for {fields['type']}."
        parts.errors.append(FieldError("sender_id", "wrong_type", message, sender_id))
