"""An audience in a person's words: `Newsletter or Customers in Brazil, without Staff`."""

from collections.abc import Mapping
from typing import Any

from audiences.models import List, Segment, Upload

_MODELS: dict[str, Any] = {"list": List, "segment": Segment, "upload": Upload}


def audience_words(*, workspace_id: int, audience: Mapping[str, Any]) -> str:
    """Of a definition as an execution stores it."""
    included = _words(workspace_id, audience)
    excluded = [_source_words(workspace_id, source) for source in audience.get("exclude") or ()]
    return f"{included}, without {' or '.join(excluded)}" if excluded else included


def _words(workspace_id: int, audience: Mapping[str, Any]) -> str:
    match audience.get("type"):
        case "all":
            return "Everyone"
        case "any_of":
            return " or ".join(_source_words(workspace_id, source) for source in audience.get("sources", ()))
        case "contacts":
            return f"{audience.get('count', 0):,} contacts named at the launch"
        case "trigger":
            return f"Whoever does “{audience.get('event')}”"
        case "retry":
            return f"Who is {' or '.join(audience.get('include', ()))} in execution {audience.get('execution_id')}"
    return _source_words(workspace_id, audience)


def _source_words(workspace_id: int, source: Mapping[str, Any]) -> str:
    kind, number = source.get("type", ""), source.get("id")
    model = _MODELS.get(kind)
    found = model._default_manager.filter(workspace_id=workspace_id, pk=number).first() if model else None
    return f"{found.name}" if found else f"{kind} {number}"
