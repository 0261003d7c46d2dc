"""Rows for tests: plain functions, each with names of its own unless told otherwise.

They write through models; what a test is about goes through the services or the API.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from django.db import transaction

from audiences.events.content import message_key
from audiences.events.models import EventTrigger
from audiences.events.recording import NewEvent, database_now, record
from audiences.models import Address, Contact, Event, EventSource, List, ListMembership, Segment, Suppression, Upload
from campaigns.models import Campaign, Tag
from common.authorship import SYSTEM, Actor, authored_by
from executions.models import Batch, BatchRecipients, Execution, FrequencyCap, QuietHours, Schedule, TriggerActivation
from executions.states import BatchState, State
from executions.triggering.request import ActivationRequest
from executions.triggering.services import activate_trigger
from providers.models import Kind, Provider, Sender
from templates_registry.models import Template, TemplateVersion
from workspaces.keys import NewKey, create_api_key
from workspaces.models import App, Membership, User, Workspace, WriteKey
from workspaces.roles import Role, Scope
from workspaces.write_keys import create_write_key

_numbers = itertools.count(1)

CONTENT: dict[str, dict[str, str]] = {
    "email": {
        "subject": "Hello {{ first_name }}",
        "html": '<p>Hello {{ first_name }}</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>',
        "text": "Hello {{ first_name }} {{ unsubscribe_url }}",
    },
    "push": {"title": "Hello {{ first_name }}", "body": "{{ offer }} off", "link": "", "data": ""},
    "webpush": {"title": "Hello {{ first_name }}", "body": "{{ offer }} off", "link": "", "data": ""},
    "sms": {"text": "Hello {{ first_name }}"},
    "whatsapp": {"text": "Hello {{ first_name }}"},
    "webhook": {"body": '{"hello": "{{ first_name }}"}'},
}


def number() -> int:
    """A number that no other row of this run has been named with."""
    return next(_numbers)


def make_user(**fields: Any) -> User:
    return User.objects.create_user(**{"username": f"user-{number()}", "password": "a long password", **fields})


def make_member(workspace: Workspace, role: Role = Role.ADMIN, **fields: Any) -> User:
    """A staff user who belongs to the workspace."""
    user = make_user(is_staff=True, **fields)
    Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


def actor_for(user: User) -> Actor:
    return Actor(kind="user", id=user.pk, name=user.username, author_id=user.pk)


def make_workspace(*, sandbox: bool = True, **fields: Any) -> Workspace:
    """With a sandbox provider that takes every type, unless told otherwise."""
    n = number()
    workspace = Workspace.objects.create(**{"name": f"Workspace {n}", "slug": f"workspace-{n}", **fields})
    if sandbox:
        make_provider(workspace)
    return workspace


def make_provider(workspace: Workspace, kind: str = Kind.SANDBOX, **fields: Any) -> Provider:
    values = {"name": f"provider {number()}", "type": "", "is_default": True, **fields}
    return Provider.objects.create(workspace=workspace, kind=kind, **values)


def make_sender(workspace: Workspace, type: str = "email", **fields: Any) -> Sender:
    values = {"name": "Volley", "address": f"news{number()}@example.test", **fields}
    return Sender.objects.create(workspace=workspace, type=type, **values)


def make_app(workspace: Workspace, app_id: str | None = None) -> App:
    app_id = app_id or f"app-{number()}"
    return App.objects.create(workspace=workspace, app_id=app_id, name=app_id)


def make_key(
    workspace: Workspace, scopes: Sequence[str] = tuple(Scope.values), *, actor: Actor = SYSTEM, **fields: Any
) -> NewKey:
    """`.plain` is what goes into Authorization."""
    return create_api_key(workspace=workspace, name=f"key {number()}", scopes=scopes, actor=actor, **fields)


def make_write_key(app: App, **fields: Any) -> WriteKey:
    """`.key` is what SDKs are given."""
    return create_write_key(app=app, actor=SYSTEM, **fields)


def make_draft_template(workspace: Workspace, type: str = "email", **fields: Any) -> Template:
    values = {"name": f"template {number()}", "content": CONTENT[type], **fields}
    return Template.objects.create(workspace=workspace, type=type, **values)


def make_template(workspace: Workspace, type: str = "email", **fields: Any) -> Template:
    """A published template."""
    return publish_again(make_draft_template(workspace, type, **fields))


def publish_again(template: Template, **fields: Any) -> Template:
    """Makes the next version out of the draft, `fields` changed first."""
    for name, value in fields.items():
        setattr(template, name, value)
    template.published = TemplateVersion.objects.create(
        template=template,
        workspace_id=template.workspace_id,
        number=template.versions.count() + 1,
        content=template.content,
        defaults=template.defaults,
        hash=hashlib.sha256(json.dumps(template.content, sort_keys=True).encode()).hexdigest(),
        **authored_by(SYSTEM),
    )
    template.save()
    return template


def make_campaign(workspace: Workspace, type: str = "email", **fields: Any) -> Campaign:
    """With a published template; push and web push get an app. `apps` and `tags` are lists of rows and of names."""
    template = fields.pop("template", None) or make_template(workspace, type)
    apps = fields.pop("apps", None)
    tags = fields.pop("tags", ())
    values = {"name": f"campaign {number()}", "template": template, **fields}
    campaign = Campaign.objects.create(workspace=workspace, type=type, **values)
    if apps is None:
        apps = [make_app(workspace)] if type in ("push", "webpush") else []
    for app in apps:  # together they would be linked in any order
        campaign.apps.add(app)
    campaign.tags.set([Tag.objects.get_or_create(workspace=workspace, name=name)[0] for name in tags])
    return campaign


def make_trigger(campaign: Campaign, **fields: Any) -> EventTrigger:
    """Not active, unless `activation_id` says so."""
    values = {"event_name": f"event {number()}", **fields}
    return EventTrigger.objects.create(workspace=campaign.workspace, campaign_id=campaign.pk, **values)


def make_activation(campaign: Campaign, **fields: Any) -> TriggerActivation:
    """Gives the campaign a trigger, and activates it."""
    make_trigger(campaign, **fields)
    return activate_trigger(campaign=campaign, request=ActivationRequest(), actor=SYSTEM).activation


def make_contact(workspace: Workspace, *, email: str | None = "", app: App | None = None, **fields: Any) -> Contact:
    """Reachable by an email of its own, unless `email` is None; with `app`, by a device token too."""
    n = number()
    values = {"external_id": f"user-{n}", "attributes": {"first_name": f"Name{n}"}, **fields}
    contact = Contact.objects.create(workspace=workspace, **values)
    if email is not None:
        make_address(contact, value=email or f"user{n}@example.test")
    if app is not None:
        make_address(contact, "push", app=app, value=f"token-{n}", platform="android")
    return contact


def make_contacts(workspace: Workspace, count: int, *, email: Literal[""] | None = "", **fields: Any) -> list[Contact]:
    """As `make_contact` makes each, at once."""
    numbers = [number() for _ in range(count)]
    made = Contact.objects.bulk_create(
        Contact(workspace=workspace, **{"external_id": f"user-{n}", "attributes": {"first_name": f"Name{n}"}, **fields})
        for n in numbers
    )
    if email is None:
        return made
    Address.objects.bulk_create(
        Address(workspace_id=workspace.pk, contact=contact, type="email", value=f"user{n}@example.test")
        for n, contact in zip(numbers, made, strict=True)
    )
    return made


def make_address(contact: Contact, type: str = "email", **fields: Any) -> Address:
    return Address.objects.create(workspace_id=contact.workspace_id, contact=contact, type=type, **fields)


def make_list(workspace: Workspace, contacts: Sequence[Contact] = (), **fields: Any) -> List:
    made = List.objects.create(workspace=workspace, **{"name": f"list {number()}", **fields})
    ListMembership.objects.bulk_create(
        ListMembership(list=made, contact=contact, workspace_id=workspace.pk) for contact in contacts
    )
    return made


def make_segment(workspace: Workspace, rule: dict[str, Any] | None = None, **fields: Any) -> Segment:
    """Of everybody with a first name, unless `rule` says otherwise."""
    named = {"type": "attribute", "name": "first_name", "value_type": "any", "operator": "exists"}
    return Segment.objects.create(workspace=workspace, rule=rule or named, **{"name": f"segment {number()}", **fields})


def make_event(contact: Contact, **fields: Any) -> Event:
    """Happened to a contact, now unless `at` says when; `properties` is an object."""
    properties = json.dumps(fields.pop("properties", {}))
    message_id = f"message-{number()}"
    key = message_key(app_id=None, message_id=message_id)
    with transaction.atomic():
        now = database_now()
        values = {"source": EventSource.SERVER.value, "name": f"event {number()}", "at": now, **fields}
        event = NewEvent(message_id=message_id, message_key=key, contact_id=contact.pk, properties=properties, **values)
        record(workspace_id=contact.workspace_id, events=[event], now=now)
    return Event.objects.get(workspace_id=contact.workspace_id, message_key=key)


def make_suppression(workspace: Workspace, value: str | None = None, type: str = "email") -> Suppression:
    value = value or f"stop{number()}@example.test"
    return Suppression.objects.create(workspace=workspace, type=type, value=value)


def make_upload(workspace: Workspace, **fields: Any) -> Upload:
    """An imported file of nobody."""
    values = {"name": f"people{number()}.csv", "format": "csv", "state": "finished", **fields}
    return Upload.objects.create(workspace=workspace, **values)


def make_cap(workspace: Workspace, **fields: Any) -> FrequencyCap:
    values = {"max": 2, "window_seconds": 3600 + 60 * number() % 80_000, **fields}
    return FrequencyCap.objects.create(workspace=workspace, **values)


def make_quiet_hours(workspace: Workspace, **fields: Any) -> QuietHours:
    """From 22:00 to 08:00 every day, held."""
    values = {"starts": 22 * 60, "ends": 8 * 60, "days": [1, 2, 3, 4, 5, 6, 7], **fields}
    return QuietHours.objects.create(workspace=workspace, **values)


def make_execution(campaign: Campaign, **fields: Any) -> Execution:
    """A row as a launch to everyone would make it; nothing is planned."""
    template = campaign.template
    if template is None or template.published is None:
        raise ValueError("the campaign needs a published template")
    provider = Provider.objects.filter(workspace=campaign.workspace).first() or make_provider(campaign.workspace)
    values = {
        "campaign_name": campaign.name,
        "app_ids": list(campaign.apps.values_list("app_id", flat=True)),
        "tags": list(campaign.tags.values_list("name", flat=True)),
        "purpose": campaign.purpose,
        "on_cap": campaign.on_cap,
        "on_unknown": campaign.on_unknown,
        "audience": {"type": "all", "exclude": []},
        "state": State.PLANNING,
        **fields,
    }
    execution = Execution.objects.create(
        workspace=campaign.workspace,
        campaign=campaign,
        type=campaign.type,
        template_version=template.published,
        provider=provider,
        **values,
    )
    execution.refresh_from_db()
    return execution


def make_schedule(campaign: Campaign, **fields: Any) -> Schedule:
    """Every day at ten by UTC, to everyone; due since the first of January 2026, unless told otherwise."""
    starts = fields.pop("starts", datetime.fromisoformat("2026-01-01T10:00"))
    values = {
        "request": {
            "audience": {"type": "all"},
            "frequency_capping": True,
            "personalization": {},
            "rate_per_minute": None,
            "strict": False,
            "cut_off": None,
        },
        "rrule": "FREQ=DAILY",
        "timezone": "UTC",
        "next_run": starts,
        "next_run_at": starts.replace(tzinfo=UTC),
        **fields,
    }
    return Schedule.objects.create(workspace=campaign.workspace, campaign=campaign, starts=starts, **values)


def make_quarantined(execution: Execution, contacts: Sequence[Contact], **fields: Any) -> Batch:
    """A batch with the first email address of each contact, that crashed its worker three times."""
    values = {"workspace_id": execution.workspace_id, "state": BatchState.QUARANTINED, "crashes": 3, **fields}
    batch = Batch.objects.create(execution=execution, size=len(contacts), **values)
    firsts = [contact.addresses.order_by("pk").values_list("pk", flat=True)[0] for contact in contacts]
    ids = [contact.pk for contact in contacts]
    BatchRecipients.objects.create(batch=batch, contact_ids=ids, address_ids=firsts)
    return batch
