"""What a person chose on the launch screen, as the request that the launch and the dry run take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, QueryDict

from audiences.models import List, Segment, Upload, UploadKind, UploadState
from campaigns.models import Campaign
from common.errors import FieldError
from executions.admin_pages.launch_when import When, place_of, read_when
from executions.launching.request import LaunchRequest

OFFERED = 200
_ROWS = 200
_UNCHOSEN = {("schedule.at", "required"), ("schedule.at", "invalid_time")}
_WITH_HINT = {"campaign", "timezone", "repeat"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A list, a segment or an upload that can be sent to; `value` is `list:42`."""

    value: str
    name: str
    kind: str


@dataclass(slots=True)
class LaunchForm:
    """The values of the screen, as typed, so that it can show them again beside what is wrong with them."""

    everyone: bool = False
    sources: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    personalization: list[tuple[str, str]] = field(default_factory=list)
    frequency_capping: bool = True
    when: When = field(default_factory=When)
    rate_per_minute: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    def show(self, errors: Sequence[FieldError]) -> None:
        for error in errors:
            root = error.field.partition(".")[0].partition("[")[0]
            own = root if root in {"audience", "personalization", "rate_per_minute"} else None
            name = own or place_of(error.field) or "campaign"
            text = f"{error.message} {error.hint}" if error.hint and name in _WITH_HINT else error.message
            if (error.field, error.code) in _UNCHOSEN:
                text = "Choose the day and the time."
            self.errors.setdefault(name, []).append(text)


def read_form(request: HttpRequest) -> LaunchForm:
    typed = request.POST
    return LaunchForm(
        everyone=typed.get("audience") == "all",
        sources=typed.getlist("source")[:OFFERED],
        exclude=typed.getlist("exclude")[:OFFERED],
        personalization=_pairs(typed),
        frequency_capping=typed.get("frequency_capping") == "on",
        when=read_when(typed),
        rate_per_minute=typed.get("rate_per_minute", "").strip()[:20],
    )


def launch_request(form: LaunchForm) -> LaunchRequest:
    names = [name for name, _ in form.personalization]
    errors = [
        FieldError("personalization", "duplicate", f"{name} is given more than once.")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return LaunchRequest(
        audience=_audience(form, errors),
        frequency_capping=form.frequency_capping,
        personalization=dict(form.personalization),
        schedule=form.when.schedule(),
        cut_off=form.when.stop(),
        rate_per_minute=_rate(form, errors),
        errors=tuple(errors),
    )


def choices_for(campaign: Campaign) -> list[Choice]:
    """The newest lists and segments, and the newest uploads that are ready."""
    lists = List.objects.filter(workspace_id=campaign.workspace_id, archived_at__isnull=True).order_by("-pk")
    segments = Segment.objects.filter(workspace_id=campaign.workspace_id).order_by("-pk").only("name")
    ready = Upload.objects.filter(
        workspace_id=campaign.workspace_id, kind=UploadKind.CONTACTS, state=UploadState.FINISHED
    )
    uploads = ready.exclude(keep=False, purging_at__isnull=False).order_by("-pk")
    return [
        *(Choice(f"list:{row.pk}", row.name, "List") for row in lists[:OFFERED]),
        *(Choice(f"segment:{row.pk}", row.name, "Segment") for row in segments[:OFFERED]),
        *(Choice(f"upload:{row.pk}", row.name, "Upload") for row in uploads[:OFFERED]),
    ]


def _audience(form: LaunchForm, errors: list[FieldError]) -> dict[str, Any] | None:
    exclude = [_source(value) for value in form.exclude]
    if form.everyone:
        return {"type": "all", "exclude": exclude}
    if not form.sources:
        errors.append(FieldError("audience", "required", "Choose at least one list, segment or upload, or everyone."))
        return {"type": "all", "exclude": exclude}
    sources = [_source(value) for value in form.sources]
    if len(sources) == 1:
        return {**sources[0], "exclude": exclude}
    return {"type": "any_of", "sources": sources, "exclude": exclude}


def _source(value: str) -> dict[str, Any]:
    kind, _, number = value.partition(":")
    return {"type": kind[:20], "id": number[:30]}


def _pairs(typed: QueryDict) -> list[tuple[str, str]]:
    """Rows whose name and value are both empty are not there."""
    rows = zip(typed.getlist("name")[:_ROWS], typed.getlist("value")[:_ROWS], strict=False)
    return [(name.strip(), value) for name, value in rows if name.strip() or value.strip()]


def _rate(form: LaunchForm, errors: list[FieldError]) -> int | None:
    if not form.rate_per_minute:
        return None
    if not (form.rate_per_minute.isascii() and form.rate_per_minute.isdigit()):
        errors.append(FieldError("rate_per_minute", "invalid", "The rate is a whole number of messages a minute."))
        return None
    return int(form.rate_per_minute)
