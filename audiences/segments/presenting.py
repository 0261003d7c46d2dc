"""Segments as the wire shows them."""

from typing import Any

from audiences.models import Segment
from audiences.segments.event_references import event_properties


def segment_on_wire(found: Segment) -> dict[str, Any]:
    return {
        "segment_id": found.pk,
        "name": found.name,
        "description": found.description,
        "rule": found.rule,
        "event_properties": list(event_properties(found.rule)),
        "created_at": found.created_at,
        "created_by": found.created_by,
        "updated_at": found.updated_at,
        "url": f"/api/v1/segments/{found.pk}",
    }
