"""The part of a campaign's form that says what triggers it, in the words of the wire."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from audiences.json_text import parse_json
from audiences.models import List, Segment, Upload, UploadKind, UploadState
from common.errors import DomainError

OFFERED = 200
UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
_UNIT_CHOICES = [(word, word) for word in UNITS]
_LONGEST_JSON = 100_000
_BIGGEST = 2**31 - 1
# Where an error of the wire's field is shown; the longest prefix that fits.
_PLACES = {
    "trigger": "trigger_on",
    "trigger.event": "trigger_event",
    "trigger.where": "trigger_where",
    "trigger.delay_seconds": "trigger_delay",
    "trigger.per_contact": "trigger_per_contact",
    "trigger.cancel_on": "trigger_cancel_event",
    "trigger.cancel_on.where": "trigger_cancel_where",
    "trigger.audience": "trigger_sources",
    "trigger.audience.exclude": "trigger_exclude",
}


class Conditions(forms.CharField):
    """Filters of an event, as JSON that the page's builder writes. The service judges them."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false", "class": "v-code"})

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):  # a field that can't be changed gives what it has
            return value
        text = str(value or "").strip()
        if not text:
            return []
        if len(text) > _LONGEST_JSON:
            raise ValidationError("These are too many conditions.")
        try:
            return parse_json(text.encode())
        except ValueError as error:
            raise ValidationError("Conditions are a list of objects, as JSON.") from error

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value or [], ensure_ascii=False, indent=2)

    def validate(self, value: Any) -> None:
        """The service does."""

    def run_validators(self, value: Any) -> None:
        """The service does."""


def _number(label: str, **more: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=0,
        max_value=_BIGGEST,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 0}),
        **more,
    )


def _unit(label: str, initial: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, required=False, choices=_UNIT_CHOICES, initial=initial, widget=UnfoldAdminSelectWidget()
    )


def _event(label: str, help_text: str) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"list": "trigger-events", "autocomplete": "off"})
    return forms.CharField(label=label, required=False, max_length=200, widget=widget, help_text=help_text)


def _sources(label: str, help_text: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 6}), help_text=help_text
    )


class TriggerForm(forms.Form):
    """Fields only: `CampaignForm` takes them over."""

    trigger_on = forms.ChoiceField(
        label="Sent upon",
        required=False,
        choices=[
            ("", "No event: it is launched"),
            ("contact", "An event of a contact, to that contact"),
            ("business", "An event of the business, to an audience"),
        ],
        widget=UnfoldAdminSelectWidget(),
        help_text="A campaign with a trigger sends nothing until you activate it.",
    )
    trigger_event = _event("Event", "Its name, as your server or app sends it: cart_updated.")
    trigger_where = Conditions(label="Where", required=False)
    trigger_delay = _number("Wait", help_text="Empty or 0: it is sent at once. At most 30 days.")
    trigger_delay_unit = _unit("Unit of the wait", "minutes")
    trigger_per_contact = forms.ChoiceField(
        label="Each contact gets it",
        required=False,
        choices=[
            ("every", "Every time the event happens"),
            ("window", "At most once in a window"),
            ("once", "Once, and never again"),
        ],
        initial="every",
        widget=UnfoldAdminSelectWidget(),
    )
    trigger_window = _number("Window")
    trigger_window_unit = _unit("Unit of the window", "days")
    trigger_cancel_event = _event("Unless", "An event of the contact cancels what was not sent yet: order_placed.")
    trigger_cancel_where = Conditions(
        label="Unless where", required=False, help_text="A value may be the first event's own: of the same cart_id."
    )
    trigger_everyone = forms.BooleanField(label="To everyone", required=False)
    trigger_sources = _sources("To", "Lists, segments and uploads. A segment's rule may refer to the event.")
    trigger_exclude = _sources("But not to", "Whoever is in one of these is left out.")


TRIGGER_FIELDS = tuple(TriggerForm.base_fields)
# As the page lays them out: a number beside its unit.
TRIGGER_ROWS = (
    "trigger_on",
    "trigger_event",
    "trigger_where",
    ("trigger_delay", "trigger_delay_unit"),
    "trigger_per_contact",
    ("trigger_window", "trigger_window_unit"),
    "trigger_cancel_event",
    "trigger_cancel_where",
    "trigger_everyone",
    "trigger_sources",
    "trigger_exclude",
)


def _ready_uploads(owned: dict[str, Any]) -> QuerySet[Upload]:
    """Those whose people can be sent to."""
    ready = Upload.objects.filter(**owned, kind=UploadKind.CONTACTS, state=UploadState.FINISHED)
    return ready.exclude(keep=False, purging_at__isnull=False)


def source_choices(workspace_ids: Iterable[int], chosen: Iterable[str]) -> list[tuple[str, Any]]:
    """The newest of each kind, in groups; what is chosen already is offered whatever its age."""
    owned = {"workspace_id__in": list(workspace_ids)}
    groups: dict[str, tuple[str, Any]] = {
        "list": ("Lists", List.objects.filter(**owned, archived_at__isnull=True)),
        "segment": ("Segments", Segment.objects.filter(**owned)),
        "upload": ("Uploads", _ready_uploads(owned)),
    }
    found = [
        (label, [(f"{kind}:{row.pk}", row.name) for row in rows.order_by("-pk").only("name")[:OFFERED]])
        for kind, (label, rows) in groups.items()
    ]
    offered = {value for _, choices in found for value, _ in choices}
    missing = [(value, value.replace(":", " ")) for value in chosen if value not in offered]
    return [*found, *([("Chosen before", missing)] if missing else [])]


def initial_of(trigger: Mapping[str, Any] | None) -> dict[str, Any]:
    """The form's values of a trigger as the wire has it."""
    if trigger is None:
        return {}
    audience, per_contact = trigger["audience"], trigger["per_contact"]
    delay, delay_unit = _in_units(trigger["delay_seconds"], "minutes")
    window, window_unit = _in_units(per_contact["window_seconds"] if isinstance(per_contact, dict) else None, "days")
    cancel_on = trigger["cancel_on"] or {"event": "", "where": []}
    return {
        "trigger_on": "business" if audience else "contact",
        "trigger_event": trigger["event"],
        "trigger_where": trigger["where"],
        "trigger_delay": delay,
        "trigger_delay_unit": delay_unit,
        "trigger_per_contact": "window" if isinstance(per_contact, dict) else per_contact,
        "trigger_window": window,
        "trigger_window_unit": window_unit,
        "trigger_cancel_event": cancel_on["event"],
        "trigger_cancel_where": cancel_on["where"],
        **(_initial_audience(audience) if audience else {}),
    }


def _initial_audience(audience: Mapping[str, Any]) -> dict[str, Any]:
    sources = audience.get("sources", [] if audience["type"] == "all" else [audience])
    return {
        "trigger_everyone": audience["type"] == "all",
        "trigger_sources": [f"{one['type']}:{one['id']}" for one in sources],
        "trigger_exclude": [f"{one['type']}:{one['id']}" for one in audience.get("exclude", ())],
    }


def _in_units(seconds: int | None, default: str) -> tuple[int | None, str]:
    """In the largest unit that leaves no rest."""
    if not seconds:
        return None, default
    unit = next(unit for unit, length in reversed(UNITS.items()) if seconds % length == 0)
    return seconds // UNITS[unit], unit


def trigger_from(typed: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was typed, as the wire has it; the service judges it."""
    if not typed.get("trigger_on"):
        return None
    delay = _seconds(typed, "trigger_delay") or 0
    trigger = {"event": typed["trigger_event"], "where": typed["trigger_where"], "delay_seconds": delay}
    if typed["trigger_on"] == "business":
        return {**trigger, "audience": _audience(typed)}
    return {**trigger, "per_contact": _per_contact(typed), "cancel_on": _cancel_on(typed)}


def _seconds(typed: Mapping[str, Any], name: str) -> int | None:
    number = typed.get(name)
    return None if number is None else number * UNITS[typed.get(f"{name}_unit") or "seconds"]


def _per_contact(typed: Mapping[str, Any]) -> Any:
    if typed["trigger_per_contact"] == "window":
        return {"window_seconds": _seconds(typed, "trigger_window")}
    return typed["trigger_per_contact"] or "every"


def _cancel_on(typed: Mapping[str, Any]) -> dict[str, Any] | None:
    if not typed["trigger_cancel_event"] and not typed["trigger_cancel_where"]:
        return None
    return {"event": typed["trigger_cancel_event"], "where": typed["trigger_cancel_where"]}


def _audience(typed: Mapping[str, Any]) -> dict[str, Any]:
    exclude = [_source(value) for value in typed["trigger_exclude"]]
    if typed["trigger_everyone"]:
        return {"type": "all", "exclude": exclude}
    sources = [_source(value) for value in typed["trigger_sources"]]
    if len(sources) == 1:
        return {**sources[0], "exclude": exclude}
    return {"type": "any_of", "sources": sources, "exclude": exclude}


def _source(value: str) -> dict[str, Any]:
    kind, _, number = value.partition(":")
    return {"type": kind, "id": number}


def show_trigger_errors(form: Any, error: DomainError) -> DomainError:
    """Puts those of the trigger at their fields; answers the same error with the others alone."""
    others = []
    for each in error.errors:
        place = _place_of(each.field)
        if place is None:
            others.append(each)
            continue
        where = each.field.removeprefix("trigger.")
        text = f"{each.message} {each.hint or ''}".strip()
        inside = f"{where}: " if "[" in where else ""
        form.add_error(place, ValidationError(inside + text, code=each.code))
    error.errors = others
    return error


def _place_of(field: str) -> str | None:
    fitting = [place for place in _PLACES if field == place or field.startswith((f"{place}.", f"{place}["))]
    return _PLACES[max(fitting, key=len)] if fitting else None
