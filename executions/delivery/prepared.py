"""What is the same for all recipients of an execution, made ready once per worker process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from audiences.unsubscribe import Seal, preferences_url, unsubscribe_url
from campaigns.models import OnUnknown, Purpose
from common.channels import APP_TYPES, Type
from executions.delivery.cancelling import Cancelling, cancelling_of
from executions.delivery.clocks import Clocks
from executions.delivery.content import Content, compile_content, contact_field, event_field
from executions.delivery.ledger import Ledger
from executions.delivery.own_personalization import personalized_uploads
from executions.delivery.roster import Recipient, Roster
from executions.models import Execution, RecipientData
from providers.contract import Message
from providers.json_message import JsonSkeleton
from providers.mime import EmailSkeleton, Mailbox
from providers.models import Sender
from providers.registry import takes_json
from workspaces.models import App

_LINKS = frozenset({"unsubscribe_url", "preferences_url"})


@dataclass(slots=True)
class Recording:
    """What it takes to write down what became of messages: not the content, which may have become unusable."""

    id: int
    workspace_id: int
    type: str
    tags: tuple[str, ...]
    launched_on: date
    provider_id: int
    on_cap: str
    on_unknown: str
    frequency_capping: bool
    ledger: Ledger


@dataclass(slots=True)
class Prepared(Recording):
    """`one_click`: marketing email carries the headers of RFC 8058. `json`: the provider takes JSON. `clocks`: what is
    asked of recipients' own, as of the last turn; `cancelling`: of what they did since the event that triggered it.
    """

    execution: Execution
    content: Content
    skeleton: EmailSkeleton | None
    json: JsonSkeleton | None
    roster: Roster
    apps: Mapping[int, str]
    seal: Seal
    one_click: bool
    linked: bool
    clocks: Clocks | None = None
    cancelling: Cancelling | None = None
    unsubscribe_page: str = field(default_factory=lambda: unsubscribe_url(""))
    preferences_page: str = field(default_factory=lambda: preferences_url(""))

    def compose(self, index: int, recipient: Recipient, at: datetime) -> Message:
        """The recipient's message. Raises MissingVariable and TemplateError."""
        delivery_id = f"{self.id}-{recipient.contact_id}-{recipient.address_id}"
        reserved: dict[str, Any] = {}
        url = None
        if self.one_click or self.linked:
            token = self.seal.token(
                contact_id=recipient.contact_id, address_id=recipient.address_id, value=recipient.address or ""
            )
            url = self.unsubscribe_page + token
            reserved = {"unsubscribe_url": url, "preferences_url": self.preferences_page + token}
        if recipient.contact is not None:
            external_id, locale, timezone = recipient.contact
            reserved["contact"] = contact_field(
                external_id=external_id, locale=locale, timezone=timezone, attributes=recipient.attributes
            )
        if recipient.event is not None:
            reserved["event"] = event_field(recipient.event)
        address = recipient.address or ""
        if self.skeleton is None:
            parts = self.content.render(recipient.attributes, recipient.personalization, reserved)
            app = None if recipient.app is None else self.apps.get(recipient.app)
            if self.json is None:
                return Message(index, delivery_id, address, parts, self.id, app)
            written = self.json.other(delivery_id=delivery_id, address=address, app_id=app, parts=parts)
            return Message(index, delivery_id, address, written, self.id, app)
        subject, html, text, even = self.content.render_email(recipient.attributes, recipient.personalization, reserved)
        if self.json is not None:
            written = self.json.email(
                delivery_id=delivery_id,
                address=address,
                subject=subject,
                html=html,
                text=text,
                unsubscribe_url=url if self.one_click else None,
                escaped=True,
            )
            return Message(index, delivery_id, address, written, self.id)
        email = self.skeleton.build(
            delivery_id=delivery_id,
            address=address,
            subject=subject,
            html=html,
            text=text,
            at=at,
            unsubscribe_url=url if self.one_click else None,
            crlf_only=True,
            even=even,
        )
        return Message(index, delivery_id, address, email, self.id)


def recording_of(execution_id: int) -> Recording:
    return Recording(**_recording(Execution.objects.get(pk=execution_id)))


def _recording(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.pk,
        "workspace_id": execution.workspace_id,
        "type": execution.type,
        "tags": tuple(execution.tags),
        "launched_on": execution.launched_on,
        "provider_id": execution.provider_id,
        "on_cap": execution.on_cap,
        "on_unknown": on_unknown_of(execution.pk),
        "frequency_capping": execution.frequency_capping,
        "ledger": Ledger(
            launched_on=execution.launched_on,
            execution_id=execution.pk,
            workspace_id=execution.workspace_id,
            provider_id=execution.provider_id,
        ),
    }


def prepare(execution_id: int) -> Prepared:
    """Raises TemplateError and AddressError for content or a sender that can't be used."""
    execution = Execution.objects.select_related("template_version", "sender", "provider").get(pk=execution_id)
    content = compile_content(execution, json=takes_json(execution.provider.kind))
    roster = Roster(
        workspace_id=execution.workspace_id,
        execution_id=execution.pk,
        type=execution.type,
        names=content.attribute_names,
        inline=execution.accepts_until is None and RecipientData.objects.filter(execution_id=execution.pk).exists(),
        whole="contact" in content.fields,
        uploads=personalized_uploads(execution.audience),
        event="event" in content.fields and execution.activation_id is not None and execution.event is None,
    )
    return Prepared(
        **_recording(execution),
        execution=execution,
        content=content,
        skeleton=skeleton_for(execution),
        json=json_for(execution.provider.kind, execution.type, execution.sender, execution_id=execution.pk),
        roster=roster,
        apps=_apps(execution),
        seal=Seal(execution_id=execution.pk, workspace_id=execution.workspace_id, type=execution.type),
        one_click=execution.type == Type.EMAIL and execution.purpose == Purpose.MARKETING,
        linked=not content.fields.isdisjoint(_LINKS),
        cancelling=cancelling_of(execution),
    )


def on_unknown_of(execution_id: int) -> str:
    """The campaign's choice, unless the provider, as it is set up now, drops what it has seen."""
    found = Execution.objects.values_list("on_unknown", "provider__config")
    chosen, config = found.get(pk=execution_id)
    return OnUnknown.RESEND.value if config.get("dedupes") is True else str(chosen)


def skeleton_for(execution: Execution) -> EmailSkeleton | None:
    """None for what is no email. Raises AddressError."""
    if execution.type != Type.EMAIL:
        return None
    sender, reply_to = mailboxes(execution.sender)
    return EmailSkeleton.compile(sender=sender, reply_to=reply_to)


def json_for(kind: str, type: str, sender: Sender | None, *, execution_id: int | None) -> JsonSkeleton | None:
    """None where the kind of provider takes no JSON."""
    if not takes_json(kind):
        return None
    if sender is None and type != Type.EMAIL:
        return JsonSkeleton(type=type, execution_id=execution_id, sender=None)
    mailbox, reply_to = mailboxes(sender)
    return JsonSkeleton(type=type, execution_id=execution_id, sender=mailbox, reply_to=reply_to)


def mailboxes(sender: Sender | None) -> tuple[Mailbox, Mailbox | None]:
    """(From, Reply-To); without a sender, Volley's own name for itself."""
    if sender is None:
        return Mailbox(f"volley@{urlsplit(settings.BASE_URL).hostname}"), None
    return Mailbox(sender.address, sender.name), Mailbox(sender.reply_to) if sender.reply_to else None


def _apps(execution: Execution) -> dict[int, str]:
    if execution.type not in APP_TYPES:
        return {}
    return dict(App.objects.filter(workspace_id=execution.workspace_id).values_list("pk", "app_id"))
