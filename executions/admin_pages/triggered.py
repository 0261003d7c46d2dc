"""What events triggered, in words and links, for the page of events."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from audiences.events.models import Event
from audiences.models import Contact
from executions.models import Execution
from executions.reading.triggered import WAITING, triggered_by
from executions.states import FailReason, SkipReason

HOUR = timedelta(hours=1)
_REASONS = {**dict(SkipReason.choices), **dict(FailReason.choices)}
# By state: the words, and what colours them.
_STATES = {
    "cancelled": ("Cancelled by another event", "cancelled"),
    "repeated": ("Not again: this contact had it", "cancelled"),
    "too_often": ("Too often within an hour: a loop?", "failed"),
    "dropped": ("Dropped: deactivated, or the execution cancelled", "cancelled"),
    "deleted": ("The contact was deleted", "cancelled"),
    "refused": ("Refused", "failed"),
}


def hour_words(execution: Execution) -> str:
    """`15:00–16:00 UTC on 2026-11-23`: whose events an hour's execution takes; empty for any other."""
    if execution.accepts_until is None:
        return ""
    until = execution.accepts_until.astimezone(UTC)
    return f"{until - HOUR:%H:%M}–{until:%H:%M} UTC on {until - HOUR:%Y-%m-%d}"


def triggered_in_words(workspace_id: int, events: Sequence[Event]) -> Mapping[int, Any]:
    """By event id: campaign, its page, words, what became of it, and the page that tells more."""
    found = triggered_by(workspace_id, events)
    contacts = {one.id: one.contact_id for one in events if one.id in found and one.contact_id}
    people = Contact.objects.filter(pk__in=set(contacts.values()))
    names = dict(people.values_list("pk", "external_id")) if contacts else {}
    return {
        event_id: [_shown(entry, names.get(contacts.get(event_id, 0))) for entry in entries]
        for event_id, entries in found.items()
    }


def _shown(entry: Mapping[str, Any], external_id: str | None) -> dict[str, Any]:
    words, tone = _words(entry)
    return {
        "campaign": entry["campaign_name"] or f"campaign {entry['campaign_id']}",
        "campaign_url": reverse("admin:campaigns_campaign_activate", args=[entry["campaign_id"]]),
        "words": words,
        "tone": tone,
        "why": " ".join(filter(None, (entry["message"], entry["hint"]))),
        "shows_why": entry["state"] in ("refused", "too_often"),
        "url": _url(entry, external_id),
    }


def _words(entry: Mapping[str, Any]) -> tuple[str, str]:
    if entry["state"] == WAITING:
        now = datetime.now(UTC)
        if entry["due_at"] <= now:
            return "Due now", "scheduled"
        day = "" if entry["due_at"].date() == now.date() else f"{entry['due_at']:%Y-%m-%d} "
        return f"Waits until {day}{entry['due_at']:%H:%M:%S}", "scheduled"
    if entry["state"] in _STATES:
        return _STATES[entry["state"]]
    if entry["outcome"] is None:
        return "Launched", "running"
    if entry["outcome"] == "sent":
        return "Sent", "finished"
    reason = _REASONS.get(entry["reason"], entry["reason"] or "")
    words = f"{entry['outcome'].capitalize()}: {reason}".rstrip(": ")
    return words, "failed" if entry["outcome"] == "failed" else "paused"


def _url(entry: Mapping[str, Any], external_id: str | None) -> str | None:
    """The delivery where it is known, else the execution."""
    if entry["execution_id"] is None:
        return None
    if entry["outcome"] is None or external_id is None:
        return reverse("admin:executions_execution_live", args=[entry["execution_id"]])
    page = reverse("admin:executions_execution_deliveries", args=[entry["execution_id"]])
    return f"{page}?{urlencode({'external_id': external_id})}"
