"""The page that activates a triggered campaign: what will be sent upon what; and, once it is active, how it does."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from audiences.events.models import EventTrigger
from audiences.events.triggers import trigger_of
from campaigns.models import Campaign, CampaignState
from campaigns.selectors import tags_of
from campaigns.trigger_words import conditions_words, duration_words, per_contact_words
from common.errors import DomainError, FieldError, Invalid
from executions.admin_pages.audience_words import audience_words
from executions.launching.preview import preview_launch
from executions.models import FrequencyCap, TriggerActivation
from executions.reading.activations import NEEDS_APPROVAL, counts_on_wire, last_activation, rests, waiting_for
from executions.triggering.fitting import fitting_of_late, latest_of_the_business
from executions.triggering.request import ActivationRequest
from executions.triggering.services import activate_trigger, deactivate_trigger
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, may
from workspaces.roles import Role

_BLANK_PAIRS, _MOST_PAIRS = 3, 200
_SHOWN_PROPERTIES = 300
# What became of events, in the words of a person.
COUNT_WORDS = {
    "launched": "sent on",
    "cancelled": "cancelled by another event",
    "repeated": "repeated, so not sent again",
    "too_often": "too often within an hour: a loop?",
    "dropped": "dropped when it was deactivated",
    "deleted": "of contacts deleted meanwhile",
    "refused": "refused: see the events page",
}


@dataclass(slots=True)
class ActivationForm:
    """As typed, so that it can be shown again beside what is wrong with it."""

    frequency_capping: bool = True
    rate_per_minute: str = ""
    personalization: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [*self.personalization, *[("", "")] * _BLANK_PAIRS]

    def request(self) -> ActivationRequest:
        errors: tuple[FieldError, ...] = ()
        if self.rate_per_minute and not self.rate_per_minute.isdecimal():
            errors = (FieldError("rate_per_minute", "invalid", "The rate is a whole number of messages a minute."),)
        rate = int(self.rate_per_minute) if self.rate_per_minute and not errors else None
        return ActivationRequest(self.frequency_capping, dict(self.personalization), rate, errors)

    def show(self, error: DomainError) -> None:
        for each in error.errors:
            root = each.field.partition(".")[0]
            name = root if root in {"personalization", "rate_per_minute"} else "campaign"
            self.errors.setdefault(name, []).append(f"{each.message} {each.hint or ''}".strip())
        if not isinstance(error, Invalid):
            self.errors["campaign"] = [error.detail]


def activation_urls(site: Any) -> list[URLPattern]:
    view = site.admin_view(activation_view)
    return [path("campaigns/campaign/<int:campaign_id>/activate/", view, name="campaigns_campaign_activate")]


@require_http_methods(["GET", "POST"])
def activation_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    found = Campaign.objects.select_related("workspace", "template__published", "sender")
    campaign = get_scoped_object_or_404(request, found, campaign_id)
    form = ActivationForm()
    if request.method == "GET":
        return _screen(request, campaign, form)
    if not may(request, campaign.workspace_id, Role.LAUNCHER):
        raise PermissionDenied
    try:
        form = _act(request, campaign)
    except DomainError as error:
        form = _read(request)
        form.show(error)
        return _screen(request, campaign, form, status=422)
    return HttpResponseRedirect(reverse("admin:campaigns_campaign_activate", args=[campaign.pk]))


def _act(request: HttpRequest, campaign: Campaign) -> ActivationForm:
    form = _read(request)
    if request.POST.get("move") == "deactivate":
        drop = request.POST.get("send_waiting") != "on"
        deactivate_trigger(campaign=campaign, actor=actor_of(request), drop_waiting=drop)
        waiting = "whoever waited gets nothing" if drop else "who waits is sent to when it is due"
        messages.success(request, f"The campaign is not active: no event from now on is sent upon, and {waiting}.")
    else:
        activate_trigger(campaign=campaign, request=form.request(), actor=actor_of(request))
        messages.success(request, "The campaign is active: events from now on are sent upon.")
    return form


def _read(request: HttpRequest) -> ActivationForm:
    return ActivationForm(
        frequency_capping=request.POST.get("frequency_capping") == "on",
        rate_per_minute=request.POST.get("rate_per_minute", "").strip()[:20],
        personalization=_pairs(request.POST.getlist("name"), request.POST.getlist("value")),
    )


def _pairs(names: list[str], values: list[str]) -> list[tuple[str, str]]:
    """Rows whose name and value are both empty are not there."""
    rows = zip(names[:_MOST_PAIRS], values, strict=False)
    return [(name.strip(), value) for name, value in rows if name.strip() or value.strip()]


def _screen(request: HttpRequest, campaign: Campaign, form: ActivationForm, *, status: int = 200) -> HttpResponse:
    trigger = trigger_of(campaign.pk)
    activation = last_activation(campaign.pk)
    active = bool(trigger and trigger.active)
    shown = (
        EventTrigger(workspace_id=campaign.workspace_id, **activation.definition) if active and activation else trigger
    )
    if request.method == "GET" and trigger and not active:
        _rehearse(request, campaign, form)
    context = {
        **admin.site.each_context(request),
        "title": f"{'Active' if active else 'Activate'}: {campaign}",
        "campaign": campaign,
        "archived": campaign.state == CampaignState.ARCHIVED,
        "version": campaign.template.published if campaign.template else None,
        "form": form,
        "trigger": shown,
        "active": active,
        "activation": activation,
        "facts": _facts(campaign, shown) if shown else [],
        "fitting": fitting_of_late(trigger) if trigger and not active else None,
        "latest": _latest(trigger) if trigger and trigger.business and not active else None,
        "figures": _figures(activation) if activation else [],
        "still_sent": bool(activation and not active and not activation.drops_waiting and waiting_for(activation)),
        "caps": _caps(campaign),
        "can_launch": may(request, campaign.workspace_id, Role.LAUNCHER),
        "requires_approval": campaign.workspace.requires_approval,
        "rests": rests(campaign, activation),
        "needs_approval": NEEDS_APPROVAL,
        "personalization": json.dumps(campaign.personalization, ensure_ascii=False),
        "preview": preview_launch(campaign=campaign, contact=None, personalization=dict(form.personalization)),
    }
    return TemplateResponse(request, "volley/activate.html", context, status=status)


def _rehearse(request: HttpRequest, campaign: Campaign, form: ActivationForm) -> None:
    """What activating would refuse is said before anybody tries. Writes nothing."""
    try:
        with transaction.atomic():
            activate_trigger(campaign=campaign, request=ActivationRequest(), actor=actor_of(request))
            transaction.set_rollback(True)
    except DomainError as error:
        form.show(error)


def _facts(campaign: Campaign, trigger: EventTrigger) -> list[tuple[str, str]]:
    found = [("Event", trigger.event_name)]
    if trigger.conditions:
        found.append(("Where", conditions_words(trigger.conditions)))
    found.append(("Sent", f"{duration_words(trigger.delay_seconds)} later" if trigger.delay_seconds else "At once"))
    if trigger.cancel_event:
        where = f" where {conditions_words(trigger.cancel_conditions)}" if trigger.cancel_conditions else ""
        found.append(("Unless", f"{trigger.cancel_event}{where} comes before it is sent"))
    if trigger.audience:
        words = audience_words(workspace_id=campaign.workspace_id, audience=trigger.audience)
        found.append(("To", words))
    return [*found, ("How often", per_contact_words(trigger))]


def _latest(trigger: EventTrigger) -> dict[str, Any] | None:
    found = latest_of_the_business(trigger)
    if found is None:
        return None
    text = json.dumps(found.properties, ensure_ascii=False)
    errors = [error.message for error in found.errors]
    return {"properties": text[:_SHOWN_PROPERTIES], "contacts": found.contacts, "errors": errors}


def _figures(activation: TriggerActivation) -> list[tuple[int, str]]:
    counts = [(count, COUNT_WORDS[word]) for word, count in counts_on_wire(activation).items()]
    return [(waiting_for(activation), "waiting"), *counts]


def _caps(campaign: Campaign) -> list[FrequencyCap]:
    tags = [tag.lower() for tag in tags_of([campaign]).get(campaign.pk, [])]
    found = FrequencyCap.objects.filter(workspace_id=campaign.workspace_id, type__in=["", campaign.type])
    return [cap for cap in found.order_by("pk") if not cap.tag or cap.tag.lower() in tags]
