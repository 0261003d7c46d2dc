"""The launch screen: everything about a launch on one page, and the same services behind it as behind the API."""

import json
import secrets
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.models import Campaign, CampaignState
from common.channels import APP_TYPES
from common.errors import DomainError, Invalid
from common.idempotency import lock_number
from common.models import IdempotencyKey
from common.wall_clock import zone_names
from executions.admin_pages.launch_form import LaunchForm, choices_for, launch_request, read_form
from executions.admin_pages.launch_when import REPEATS, WEEKDAYS, When, in_words
from executions.enqueue import enqueue_next
from executions.launching.dry_run import dry_run
from executions.launching.launch import launch
from executions.launching.preview import find_contact, preview_launch
from executions.launching.request import LaunchRequest
from executions.launching.test_sends import send_test
from executions.models import Execution
from executions.scheduling.creating import create_schedule, judged, recurs
from executions.scheduling.selectors import schedules_of
from executions.states import SkipReason
from executions.timing.models import LocalPast
from workspaces.admin_scope import actor_of, get_scoped_object_or_404, may
from workspaces.roles import Role

_TOKEN = "launch_token"  # noqa: S105
_TOKEN_LENGTH = 100
_WORDS = dict(SkipReason.choices)


def launch_urls(site: Any) -> list[URLPattern]:
    """Beside the campaign's own pages; `campaigns` can't know of executions."""
    views = (("launch", launch_view), ("launch/review", review_view), ("launch/test", test_view))
    return [
        path(
            f"campaigns/campaign/<int:campaign_id>/{suffix}/",
            site.admin_view(view),
            name=f"campaigns_campaign_{suffix.replace('/', '_')}",
        )
        for suffix, view in views
    ]


@require_http_methods(["GET", "POST"])
def launch_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    campaign = _campaign(request, campaign_id)
    if request.method == "GET":
        form = LaunchForm(when=When(timezone=campaign.workspace.timezone))
        return _screen(request, campaign, form, secrets.token_urlsafe(24))
    _require_launcher(request, campaign)
    form, token = read_form(request), _read_token(request)
    try:
        address = _launch_once(request, campaign, form, token)
    except Invalid as error:
        form.show(error.errors)
    except DomainError as error:
        form.errors["campaign"] = [error.detail]
    else:
        return HttpResponseRedirect(address)
    return _screen(request, campaign, form, token, status=422)


@require_POST
def review_view(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """What a launch of this form would do, and the message as a contact would get it. Writes nothing."""
    campaign = _campaign(request, campaign_id)
    form = read_form(request)
    asked = judged(campaign, launch_request(form))
    wanted = request.POST.get("contact", "").strip()
    contact = find_contact(workspace_id=campaign.workspace_id, wanted=wanted, type=campaign.type)
    answer: dict[str, Any] = {
        "contact": str(contact) if contact else None,
        "unknown_contact": bool(wanted) and not contact,
    }
    try:
        answer["review"] = _in_words(dry_run(campaign=campaign, request=asked))
    except Invalid as error:
        form.show(error.errors)
    except DomainError as error:
        form.errors["campaign"] = [error.detail]
    answer["errors"] = form.errors
    preview = preview_launch(campaign=campaign, contact=contact, personalization=dict(form.personalization))
    return JsonResponse({**answer, "preview": preview})


@require_POST
def test_view(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Sends the message to addresses that the person names."""
    campaign = _campaign(request, campaign_id)
    _require_launcher(request, campaign)
    form = read_form(request)
    typed = request.POST.get("test_addresses", "").replace("\n", ",").split(",")
    contact = find_contact(
        workspace_id=campaign.workspace_id, wanted=request.POST.get("contact", ""), type=campaign.type
    )
    try:
        sent = send_test(
            campaign=campaign,
            addresses=[address.strip() for address in typed if address.strip()],
            contact=contact,
            personalization=dict(form.personalization),
            actor=actor_of(request),
        )
    except DomainError as error:
        messages = [each.message for each in error.errors] or [error.detail]
        return JsonResponse({"results": [{"address": "", "ok": False, "message": text} for text in messages]})
    results = [{"address": one.address, "ok": one.ok, "message": one.message} for one in sent]
    return JsonResponse({"results": results})


def _read_token(request: HttpRequest) -> str:
    sent = request.POST.get(_TOKEN, "").replace("\0", "")
    return sent[:_TOKEN_LENGTH] or secrets.token_urlsafe(24)


def _launch_once(request: HttpRequest, campaign: Campaign, form: LaunchForm, token: str) -> str:
    """The page of what was made. The second click of a double click waits for the first, and gets the same one."""
    scope = {
        "workspace_id": campaign.workspace_id,
        "method": "POST",
        "path": reverse("admin:campaigns_campaign_launch", args=[campaign.pk]),
        "key": f"{request.user.pk}:{token}",
    }
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number(scope)])
        stored = IdempotencyKey.objects.filter(**scope).first()
        if stored is not None:
            return str(stored.answer["address"])
        address = _make(request, campaign, launch_request(form))
        IdempotencyKey.objects.create(**scope, body_hash=b"", status=302, answer={"address": address})
    return address


def _make(request: HttpRequest, campaign: Campaign, asked: LaunchRequest) -> str:
    if recurs(asked):
        schedule = create_schedule(campaign=campaign, request=asked, actor=actor_of(request))
        return reverse("admin:executions_schedule_runs", args=[schedule.pk])
    execution = launch(campaign=campaign, request=asked, actor=actor_of(request)).execution
    transaction.on_commit(lambda: enqueue_next(execution.pk, execution.state), robust=True)
    return reverse("admin:executions_execution_live", args=[execution.pk])


def _screen(
    request: HttpRequest, campaign: Campaign, form: LaunchForm, token: str, *, status: int = 200
) -> HttpResponse:
    template = campaign.template
    context = {
        **admin.site.each_context(request),
        "title": f"Launch {campaign}",
        "campaign": campaign,
        "archived": campaign.state == CampaignState.ARCHIVED,
        "version": template.published if template else None,
        "form": form,
        "choices": choices_for(campaign),
        "launch_token": token,
        "zones": sorted(zone_names()),
        "pasts": LocalPast.choices,
        "repeats": REPEATS,
        "weekdays": WEEKDAYS,
        "tests_devices": campaign.type in APP_TYPES,
        "can_launch": may(request, campaign.workspace_id, Role.LAUNCHER),
        "requires_approval": campaign.workspace.requires_approval,
        "personalization": json.dumps(campaign.personalization, ensure_ascii=False),
        "recurring": schedules_of(workspace_id=campaign.workspace_id, campaign=campaign.pk, state="active")[:5],
        "recent": Execution.objects.filter(campaign=campaign).order_by("-pk")[:5],
    }
    return TemplateResponse(request, "volley/launch.html", context, status=status)


def _in_words(review: dict[str, Any]) -> dict[str, Any]:
    """The wire shape, with skip reasons as a person says them."""
    skipped = [
        {"reason": reason, "words": _WORDS.get(reason, reason), "count": count}
        for reason, count in sorted(review.get("skipped", {}).items(), key=lambda pair: -pair[1])
    ]
    return {**review, "skipped_in_words": skipped, "when": in_words(review)}


def _campaign(request: HttpRequest, campaign_id: int) -> Campaign:
    found = Campaign.objects.select_related("workspace", "template__published", "sender")
    return get_scoped_object_or_404(request, found, campaign_id)


def _require_launcher(request: HttpRequest, campaign: Campaign) -> None:
    if not may(request, campaign.workspace_id, Role.LAUNCHER):
        raise PermissionDenied
