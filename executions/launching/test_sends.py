"""A campaign's message sent to addresses that somebody names, before any launch. The ledger knows none of it."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audiences.address_values import parse_address
from audiences.bad_value import BadValue
from audiences.models import Address, Contact
from audiences.unsubscribe import preferences_url, unsubscribe_token, unsubscribe_url
from campaigns.models import Campaign, Purpose
from common.authorship import Actor
from common.channels import APP_TYPES, Type
from common.errors import FieldError, Invalid
from executions.delivery.content import Content, compile_content, contact_field
from executions.delivery.example_event import example_event
from executions.delivery.prepared import json_for, mailboxes
from executions.launching.checks import Ready, content_errors, gather, route_errors
from providers.contract import Message, ProviderSettings, Result, Verdict
from providers.mime import EmailSkeleton
from providers.probing import settings_of
from providers.registry import open_adapter
from templates_registry.liquid import MissingVariable, TemplateError
from workspaces.audit import record

LIMIT = 10
PATIENCE_SECONDS = 15.0
NOTHING_SENT = "Nothing was sent."


@dataclass(frozen=True, slots=True)
class TestSent:
    """What the provider said to one address."""

    address: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class _Draft:
    """What `compile_content` takes: an execution that never will be."""

    type: str
    template_version: Any
    campaign_name: str
    tags: Sequence[str]
    campaign_personalization: Mapping[str, Any]
    personalization: Mapping[str, Any]
    event: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Version:
    content: Mapping[str, str]
    defaults: Mapping[str, Any]


def send_test(
    *,
    campaign: Campaign,
    addresses: Sequence[str],
    contact: Contact | None,
    personalization: Mapping[str, Any],
    actor: Actor,
    app_id: str | None = None,
) -> list[TestSent]:
    """To at most `LIMIT` addresses; a push without addresses goes to the contact's own devices.

    Tokens belong to `app_id`, one of the campaign's apps, or to its first. Rendered for `contact`, else for the
    template's sample. Raises Invalid for what keeps it from being sent.
    """
    ready = gather(campaign.pk)
    targets, errors = _targets(ready, addresses, contact, app_id)
    errors = [*content_errors(ready), *route_errors(ready), *errors]
    if errors or ready.provider is None:
        raise Invalid(errors, detail=NOTHING_SENT)
    messages = _compose(ready, targets, contact, personalization)
    results = asyncio.run(_send(settings_of(ready.provider, ready.campaign.type), messages))
    record(
        workspace_id=campaign.workspace_id,
        actor=actor,
        action="tested",
        object_type="campaign",
        object_id=campaign.pk,
        object_name=str(campaign),
        details={"addresses": [address for address, _ in targets]},
    )
    return [_worded(message.address, result) for message, result in zip(messages, results, strict=True)]


def _targets(
    ready: Ready, addresses: Sequence[str], contact: Contact | None, app_id: str | None
) -> tuple[list[tuple[str, str | None]], list[FieldError]]:
    """Addresses with the app that each belongs to."""
    kind = ready.campaign.type
    if kind in APP_TYPES and not addresses:
        return _devices(ready, contact)
    app, errors = _app(ready, app_id)
    found = []
    for place, value in enumerate(addresses[: LIMIT + 1]):
        try:
            found.append((parse_address(kind, value), app))
        except BadValue as error:
            errors.append(FieldError(f"addresses[{place}]", error.code, error.message))
    if not addresses:
        errors.append(FieldError("addresses", "required", "Say to which address."))
    if len(addresses) > LIMIT:
        errors.append(FieldError("addresses", "too_many", f"A test goes to at most {LIMIT} addresses.", limit=LIMIT))
    return list(dict.fromkeys(found)), errors


def _app(ready: Ready, app_id: str | None) -> tuple[str | None, list[FieldError]]:
    if ready.campaign.type not in APP_TYPES:
        return None, []
    if app_id is not None and app_id not in ready.app_ids:
        hint = f"Its apps are {', '.join(ready.app_ids)}."
        return None, [FieldError("app_id", "not_found", "The campaign has no such app.", app_id[:100], hint=hint)]
    return app_id or next(iter(ready.app_ids), None), []


def _devices(ready: Ready, contact: Contact | None) -> tuple[list[tuple[str, str | None]], list[FieldError]]:
    if contact is None:
        message = "A test of a push goes to the devices of a contact: choose one."
        return [], [FieldError("addresses", "required", message)]
    rows = Address.objects.filter(contact=contact, type=ready.campaign.type, app__app_id__in=ready.app_ids)
    found = [(row.value, row.app.app_id if row.app else None) for row in rows.select_related("app")[:LIMIT]]
    message = "This contact has no device in the campaign's apps."
    return [*found], [] if found else [FieldError("addresses", "unreachable", message)]


def _compose(
    ready: Ready,
    targets: Sequence[tuple[str, str | None]],
    contact: Contact | None,
    personalization: Mapping[str, Any],
) -> list[Message]:
    campaign = ready.campaign
    template = campaign.template
    if template is None or template.published is None:
        raise AssertionError("content_errors lets nothing through that lacks these")
    defaults = {**template.published.defaults, **({} if contact else template.sample)}
    draft = _Draft(
        campaign.type,
        _Version(template.published.content, defaults),
        campaign.name,
        ready.tags,
        campaign.personalization,
        personalization,
        example_event(template.sample, campaign_id=campaign.pk),
    )
    try:
        content = compile_content(draft)
        return [_message(ready, content, contact, index, *target) for index, target in enumerate(targets)]
    except MissingVariable as error:
        hint = "Choose a contact that has it, or give it a value or a sample."
        message = f"The template lacks a value: {error.name}."
        raise Invalid(
            [FieldError("template_id", "missing_variable", message, hint=hint)], detail=NOTHING_SENT
        ) from error
    except TemplateError as error:
        raise Invalid([FieldError("template_id", "render_error", str(error))], detail=NOTHING_SENT) from error


def _message(
    ready: Ready, content: Content, contact: Contact | None, index: int, address: str, app_id: str | None
) -> Message:
    delivery_id = f"test-{ready.campaign.pk}-{secrets.token_hex(6)}"
    # An execution of 0: the page says thank you, and nobody is unsubscribed by a test.
    token = unsubscribe_token(execution_id=0, contact_id=0, address_id=0)
    url = unsubscribe_url(token)
    reserved = {
        "unsubscribe_url": url,
        "preferences_url": preferences_url(token),
        "contact": _contact_field(contact),
    }
    attributes = contact.attributes if contact else {}
    kind = ready.provider.kind if ready.provider else ""
    json = json_for(kind, ready.campaign.type, ready.sender, execution_id=None)
    if ready.campaign.type != Type.EMAIL:
        parts = content.render(attributes, {}, reserved)
        if json is None:
            return Message(index, delivery_id, address, parts, None, app_id)
        written = json.other(delivery_id=delivery_id, address=address, app_id=app_id, parts=parts)
        return Message(index, delivery_id, address, written, None, app_id)
    body = content.render_email(attributes, {}, reserved)
    shown = f"[Test] {body.subject}"
    one_click = url if ready.campaign.purpose == Purpose.MARKETING else None
    if json is not None:
        written = json.email(
            delivery_id=delivery_id,
            address=address,
            subject=shown,
            html=body.html,
            text=body.text,
            unsubscribe_url=one_click,
        )
        return Message(index, delivery_id, address, written, None)
    sender, reply_to = mailboxes(ready.sender)
    email = EmailSkeleton.compile(sender=sender, reply_to=reply_to).build(
        delivery_id=delivery_id,
        address=address,
        subject=shown,
        html=body.html,
        text=body.text,
        at=datetime.now(UTC),
        unsubscribe_url=one_click,
    )
    return Message(index, delivery_id, address, email, None)


def _contact_field(contact: Contact | None) -> dict[str, Any]:
    if contact is None:
        return contact_field(external_id="user-1", locale="", timezone="", attributes={})
    return contact_field(
        external_id=contact.external_id,
        locale=contact.locale,
        timezone=contact.timezone,
        attributes=contact.attributes,
    )


async def _send(settings_: ProviderSettings, messages: Sequence[Message]) -> list[Result]:
    adapter = open_adapter(settings_)
    results = [Result(Verdict.UNKNOWN)] * len(messages)

    def settle(index: int, result: Result) -> None:
        results[index] = result

    try:
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        await adapter.send(messages, journal=bytearray(len(messages)), deadline=deadline, settle=settle)
    finally:
        await adapter.close()
    return results


def _worded(address: str, result: Result) -> TestSent:
    words = result.response or result.reason or "no answer"
    if result.verdict is Verdict.SENT:
        return TestSent(address, True, f"Handed over: {words}")
    return TestSent(address, False, f"{result.verdict.name.capitalize()}: {words}")
