"""The rules of the segments that a launch names, kept with it: what was launched or approved is what is sent to."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from audiences.audience_definition import AudienceDefinition, not_found
from audiences.segments.event_references import event_properties, needs_event
from audiences.segments.services import rules_for_launch
from audiences.segments.with_event import with_event
from audiences.sources import segments_in
from common.errors import FieldError

_HINT = "It can be the audience of a campaign whose trigger is such an event; see the guide's page on events."


def with_rules(workspace_id: int, audience: AudienceDefinition, *, awaits_event: bool = False) -> AudienceDefinition:
    """Each segment of the definition gets its rule as it is now; one that there is not is an error of its field.

    A rule that refers to a business event is one too, unless the audience `awaits_event`: `audience_at_event`.
    """
    named = [source for source in audience.sources if source.type == "segment"]
    if not named:
        return audience
    rules = rules_for_launch(workspace_id=workspace_id, segment_ids=[source.id for source in named])
    for stored in segments_in(audience.stored):
        if isinstance(stored, dict) and stored.get("id") in rules:
            stored["rule"] = rules[stored["id"]]
    errors = [not_found(source) for source in named if source.id not in rules]
    for source in named:
        properties = event_properties(rules[source.id]) if source.id in rules else {}
        if properties and not awaits_event:
            errors.append(needs_event(properties, field=source.field, hint=_HINT))
    return replace(audience, errors=(*audience.errors, *errors))


def audience_at_event(
    stored: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[dict[str, Any], list[FieldError]]:
    """The definition with the event's values in the rules that `with_rules` put there, and what does not fit."""
    filled, errors = deepcopy(dict(stored)), []
    for source in segments_in(filled):
        if isinstance(source, dict) and isinstance(source.get("rule"), dict):
            found = with_event(source["rule"], properties, field=f"segment {source.get('id')}")
            source["rule"] = found.rule
            errors.extend(found.errors)
    return filled, errors
