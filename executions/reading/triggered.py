"""What events triggered: by event, each campaign that it fitted, and what became of it there.

A handful of queries, however many events. Candidates are the activations whose trigger has an event's name and was
active when it came; each is looked up by keys: what waits by the moment it is due, what was passed over by the event,
whom it was sent to by the executions that were open from then on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection
from django.db.models import Q

from audiences.events.models import Event
from executions.models import Became, TriggerActivation
from executions.reading.activations import TOLD, WORDS
from executions.states import Outcome

# Promoting that was held up for longer is not looked for.
LAG = timedelta(hours=25)
WAITING = "waiting"
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Pair:
    """An event, and an activation that it may have fitted; hits are due so long after the event was received."""

    event: Event
    activation: TriggerActivation

    @property
    def key(self) -> tuple[int, int]:
        return self.event.id, self.activation.pk

    @property
    def due_at(self) -> datetime:
        return self.event.received_at + timedelta(seconds=self.activation.definition["delay_seconds"])


def triggered_by(workspace_id: int, events: Sequence[Event]) -> dict[int, list[Entry]]:
    """By event id, the campaigns in the order of their activations; events that triggered nothing are left out."""
    pairs = {pair.key: pair for pair in _pairs(workspace_id, events)}
    if not pairs:
        return {}
    # Waiting comes first: what is promoted meanwhile is then found as such, and never missed.
    entries = _waiting(pairs) | _passed_over(pairs) | _launched(pairs)
    found: dict[int, list[Entry]] = {}
    for event_id, activation_id in sorted(entries):
        found.setdefault(event_id, []).append(entries[event_id, activation_id])
    return found


def _pairs(workspace_id: int, events: Sequence[Event]) -> Iterator[_Pair]:
    """Only events of a contact, or of the business, trigger."""
    fit = [one for one in events if one.contact_id is not None or one.anonymous_id is None]
    if not fit:
        return
    first, last = min(one.received_at for one in fit), max(one.received_at for one in fit)
    activations = TriggerActivation.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=first),
        workspace_id=workspace_id,
        definition__event_name__in={one.name for one in fit},
        created_at__lte=last,
    ).only("campaign_id", "campaign_name", "definition", "created_at", "ended_at")
    for activation in activations.order_by("pk"):
        name, business = activation.definition["event_name"], activation.definition["business"]
        for event in fit:
            if event.name == name and (event.contact_id is None) == business:
                yield _Pair(event, activation)


def _entry(pair: _Pair, state: str, **more: Any) -> Entry:
    return {
        "campaign_id": pair.activation.campaign_id,
        "campaign_name": pair.activation.campaign_name,
        "activation_id": pair.activation.pk,
        "state": state,
        "due_at": pair.due_at,
        "execution_id": None,
        "outcome": None,
        "reason": None,
        "message": None,
        "hint": None,
        "url": f"/api/v1/campaigns/{pair.activation.campaign_id}/activation",
        **more,
    }


_Pairs = Mapping[tuple[int, int], _Pair]
_Found = dict[tuple[int, int], Entry]


def _waiting(pairs: _Pairs) -> _Found:
    return {(event, activation): _entry(pairs[event, activation], WAITING) for event, activation in _rows(_HITS, pairs)}


def _passed_over(pairs: _Pairs) -> _Found:
    return {
        (event, activation): _entry(pairs[event, activation], WORDS[Became(word)], **_told(Became(word), why))
        for event, activation, word, why in _rows(_PASSED_OVER, pairs)
    }


def _told(became: Became, why: str | None) -> dict[str, str | None]:
    if why is not None:
        told = orjson.loads(why)
        return {"reason": told["code"], "message": told["message"], "hint": told["hint"]}
    message, hint = TOLD[became]
    return {"message": message, "hint": hint}


def _launched(pairs: _Pairs) -> _Found:
    """Of a contact's, the outcome too: sent, where any of the contact's addresses was sent to."""
    launched = WORDS[Became.PROMOTED]
    found: _Found = {}
    for event, activation, execution_id, outcome, reason, detail in _rows(_LAUNCHED, pairs):
        told = None if outcome is None else Outcome(outcome).label
        more = {"outcome": told, "reason": reason, "message": detail, "url": f"/api/v1/executions/{execution_id}"}
        found[event, activation] = _entry(pairs[event, activation], launched, execution_id=execution_id, **more)
    return found


def _rows(sql: str, pairs: _Pairs) -> list[tuple[Any, ...]]:
    given: dict[str, Any] = {
        "events": [pair.event.id for pair in pairs.values()],
        "contacts": [pair.event.contact_id for pair in pairs.values()],
        "activations": [pair.activation.pk for pair in pairs.values()],
        "dues": [pair.due_at for pair in pairs.values()],
        "lag": LAG,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN + sql, given)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


_GIVEN = """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(%(events)s::bigint[], %(contacts)s::bigint[], %(activations)s::bigint[],
            %(dues)s::timestamptz[]) AS one (event_id, contact_id, activation_id, due_at))
"""
_HITS = """
    SELECT g.event_id, g.activation_id FROM given g
    JOIN audiences_triggerhit h ON h.activation_id = g.activation_id AND h.due_at = g.due_at AND h.event_id = g.event_id
"""
_PASSED_OVER = """
    SELECT g.event_id, g.activation_id, p.became, p.why::text FROM given g
    JOIN executions_passedover p ON p.event_id = g.event_id AND p.activation_id = g.activation_id
"""
# An hour's execution is open until `accepts_until`, so what was due before has it after.
_LAUNCHED = """
    SELECT g.event_id, g.activation_id, x.id, d.outcome, d.reason, d.detail FROM given g
    JOIN executions_execution x ON x.activation_id = g.activation_id
        AND x.accepts_until > g.due_at AND x.accepts_until <= g.due_at + %(lag)s
    JOIN executions_recipientdata r ON r.execution_id = x.id AND r.contact_id = g.contact_id
        AND (r.event->>'id')::bigint = g.event_id
    LEFT JOIN LATERAL (
        SELECT outcome, reason, detail FROM executions_delivery d
        WHERE d.launched_on = x.launched_on AND d.execution_id = x.id AND d.contact_id = g.contact_id
        ORDER BY outcome, address_id LIMIT 1
    ) d ON TRUE
    WHERE g.contact_id IS NOT NULL
    UNION ALL
    SELECT g.event_id, g.activation_id, x.id, NULL, NULL, NULL FROM given g
    JOIN executions_execution x ON x.activation_id = g.activation_id AND x.event_id = g.event_id
    WHERE g.contact_id IS NULL
"""
