"""What can be done to a template. A draft may be unfinished; what is published is checked and never changes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from common.authorship import Actor, authored_by
from common.channels import Type
from common.errors import Conflict, FieldError, Invalid, NotFound
from templates_registry.models import Template, TemplateVersion
from templates_registry.parts import PARTS
from templates_registry.review import VariableUse, as_field_error, review
from workspaces.audit import record

NAME_LENGTH = 100


def create_template(
    *,
    workspace_id: int,
    name: str,
    type: str,
    content: Mapping[str, str],
    actor: Actor,
    defaults: Mapping[str, Any] | None = None,
    sample: Mapping[str, Any] | None = None,
    purpose: str = "marketing",
) -> Template:
    _check_draft(name=name, type=type, content=content, defaults=defaults or {}, sample=sample or {})
    with transaction.atomic():
        template = Template.objects.create(
            workspace_id=workspace_id,
            name=name,
            type=type,
            purpose=purpose,
            content=dict(content),
            defaults=dict(defaults or {}),
            sample=dict(sample or {}),
            **authored_by(actor),
        )
        _audit(template, actor, "created")
    return template


def save_draft(
    *,
    template_id: int,
    workspace_id: int,
    revision: int,
    name: str,
    content: Mapping[str, str],
    defaults: Mapping[str, Any],
    sample: Mapping[str, Any],
    purpose: str,
    actor: Actor,
) -> Template:
    """Saves over exactly the revision that the editor had open; a later save by somebody else is a Conflict."""
    template = get_template(template_id=template_id, workspace_id=workspace_id)
    _check_draft(name=name, type=template.type, content=content, defaults=defaults, sample=sample)
    with transaction.atomic():
        saved = Template.objects.filter(pk=template_id, revision=revision, archived_at__isnull=True).update(
            name=name,
            content=dict(content),
            defaults=dict(defaults),
            sample=dict(sample),
            purpose=purpose,
            revision=F("revision") + 1,
            updated_at=Now(),
        )
        if not saved:
            raise Conflict(
                "The template was changed or archived since you opened it. "
                "Copy your text, reload the page, and put it in again.",
                code="stale_revision",
            )
        template.refresh_from_db()
        _audit(template, actor, "saved")
    return template


def publish(*, template_id: int, workspace_id: int, actor: Actor, revision: int | None = None) -> TemplateVersion:
    """Makes the draft an immutable version; the same draft published again answers the version it has."""
    with transaction.atomic():
        template = _locked(template_id, workspace_id)
        if template.archived_at:
            raise Conflict("The template is archived; restore it before publishing.")
        if revision is not None and template.revision != revision:
            raise Conflict("The draft was changed since you looked at it; look again.", code="stale_revision")
        version = _version_of_draft(template, _checked_variables(template), actor)
        if template.published_id != version.pk:
            Template.objects.filter(pk=template.pk).update(published=version, updated_at=Now())
            _audit(template, actor, "published", version=version.number)
    return version


def duplicate(*, template_id: int, workspace_id: int, actor: Actor) -> Template:
    """A new draft with the same content; nothing of it is published."""
    template = get_template(template_id=template_id, workspace_id=workspace_id)
    return create_template(
        workspace_id=workspace_id,
        name=f"{template.name[: NAME_LENGTH - 7]} (copy)",
        type=template.type,
        content=template.content,
        defaults=template.defaults,
        sample=template.sample,
        purpose=template.purpose,
        actor=actor,
    )


def archive(*, template_id: int, workspace_id: int, actor: Actor) -> None:
    """No campaign can be launched with it any more; executions under way keep their version."""
    _set_archived(template_id, workspace_id, actor, archived=True)


def restore(*, template_id: int, workspace_id: int, actor: Actor) -> None:
    _set_archived(template_id, workspace_id, actor, archived=False)


def get_template(*, template_id: int, workspace_id: int) -> Template:
    try:
        return Template.objects.get(pk=template_id, workspace_id=workspace_id)
    except Template.DoesNotExist:
        raise NotFound("This workspace has no such template.") from None


def _locked(template_id: int, workspace_id: int) -> Template:
    try:
        return Template.objects.select_for_update().get(pk=template_id, workspace_id=workspace_id)
    except Template.DoesNotExist:
        raise NotFound("This workspace has no such template.") from None


def _set_archived(template_id: int, workspace_id: int, actor: Actor, *, archived: bool) -> None:
    with transaction.atomic():
        template = get_template(template_id=template_id, workspace_id=workspace_id)
        moved = Template.objects.filter(pk=template_id, archived_at__isnull=archived).update(
            archived_at=Now() if archived else None
        )
        if moved:
            _audit(template, actor, "archived" if archived else "restored")


def _version_of_draft(template: Template, variables: Sequence[VariableUse], actor: Actor) -> TemplateVersion:
    digest = _hash(template)
    newest = template.versions.order_by("-number").first()
    if newest and newest.hash == digest:
        return newest
    number = template.versions.aggregate(newest=Max("number"))["newest"] or 0
    return TemplateVersion.objects.create(
        template=template,
        workspace_id=template.workspace_id,
        number=number + 1,
        content=template.content,
        defaults=template.defaults,
        variables=[variable.as_wire() for variable in variables],
        hash=digest,
        **authored_by(actor),
    )


def _hash(template: Template) -> str:
    frozen = {"type": template.type, "content": template.content, "defaults": template.defaults}
    return hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()


def _checked_variables(template: Template) -> list[VariableUse]:
    """Raises Invalid where something forbids publishing."""
    found = review(
        type=template.type,
        purpose=template.purpose,
        content=template.content,
        fields={**template.defaults, **template.sample},
    )
    if found.errors:
        raise Invalid([as_field_error(problem) for problem in found.errors], detail="The template was not published.")
    return found.variables


def _check_draft(
    *, name: str, type: str, content: Mapping[str, str], defaults: Mapping[str, Any], sample: Mapping[str, Any]
) -> None:
    errors = [*_name_errors(name), *_type_errors(type)]
    if not errors:
        errors = _content_errors(Type(type), content)
    for field, values in (("defaults", defaults), ("sample", sample)):
        size = len(json.dumps(values))
        if size > 64_000:
            errors.append(FieldError(field, "too_large", f"The {field} take {size} bytes.", limit=64_000))
    if errors:
        raise Invalid(errors, detail="The template was not saved.")


def _name_errors(name: str) -> list[FieldError]:
    if not name.strip():
        return [FieldError("name", "required", "A template needs a name.")]
    if len(name) > NAME_LENGTH:
        return [FieldError("name", "too_long", f"The name has {len(name)} characters.", limit=NAME_LENGTH)]
    return []


def _type_errors(type: str) -> list[FieldError]:
    if type in Type.values:
        return []
    return [FieldError("type", "unknown", f"{type!r} is not a type.", value=type, hint=", ".join(Type.values))]


def _content_errors(type: Type, content: Mapping[str, str]) -> list[FieldError]:
    rules = {rule.name: rule for rule in PARTS[type]}
    errors = []
    for part, source in content.items():
        if part not in rules:
            errors.append(FieldError(f"content.{part}", "unknown_field", f"{type.label} has no part {part!r}."))
        elif "\0" in source:
            errors.append(FieldError(f"content.{part}", "nul", "The text holds a NUL character; take it out."))
        elif len(source) > rules[part].max_length:
            limit = rules[part].max_length
            message = f"{rules[part].label} has {len(source)} characters."
            errors.append(FieldError(f"content.{part}", "too_long", message, limit=limit))
    return errors


def _audit(template: Template, actor: Actor, action: str, **details: Any) -> None:
    record(
        workspace_id=template.workspace_id,
        actor=actor,
        action=action,
        object_type="template",
        object_id=template.pk,
        object_name=template.name,
        details=details,
    )
