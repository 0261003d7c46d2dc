"""The rules of the segments that a launch names, kept with it: what was launched or approved is what is sent to."""

from dataclasses import replace

from audiences.segments.services import rules_for_launch
from audiences.sources import segments_in
from executions.launching.audience_definition import AudienceDefinition, not_found


def with_rules(workspace_id: int, audience: AudienceDefinition) -> AudienceDefinition:
    """Each segment of the definition gets its rule as it is now; one that there is not is an error of its field."""
    named = [source for source in audience.sources if source.type == "segment"]
    if not named:
        return audience
    rules = rules_for_launch(workspace_id=workspace_id, segment_ids=[source.id for source in named])
    for source in segments_in(audience.stored):
        if isinstance(source, dict) and source.get("id") in rules:
            source["rule"] = rules[source["id"]]
    missing = [not_found(source) for source in named if source.id not in rules]
    return replace(audience, errors=(*audience.errors, *missing))
