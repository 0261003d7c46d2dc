"""An audience in a person's words: `Newsletter or Customers in Brazil, without Staff`."""

from collections.abc import Mapping, Sequence
from typing import Any

from audiences.models import List, Segment, Upload

_TOLD = 20
_MODELS: dict[str, Any] = {"list": List, "segment": Segment, "upload": Upload}


def audience_words(*, workspace_id: int, audience: Mapping[str, Any]) -> str:
    """Of a definition as an execution stores it."""
    included = _words(workspace_id, audience)
    excluded = audience.get("exclude") or ()
    return f"{included}, without {_any_words(workspace_id, excluded)}" if excluded else included


def _words(workspace_id: int, audience: Mapping[str, Any]) -> str:
    match audience.get("type"):
        case "all":
            return "Everyone"
        case "any_of":
            return _any_words(workspace_id, audience.get("sources", ()))
        case "contacts":
            return f"{audience.get('count', 0):,} contacts named at the launch"
        case "trigger":
            return f"Whoever does “{audience.get('event')}”"
        case "retry":
            return f"Who is {' or '.join(audience.get('include', ()))} in execution {audience.get('execution_id')}"
    return _any_words(workspace_id, [audience])


def _any_words(workspace_id: int, sources: Sequence[Mapping[str, Any]]) -> str:
    told = [(source.get("type", ""), source.get("id")) for source in sources[:_TOLD]]
    names = {
        (kind, row.pk): row.name
        for kind, model in _MODELS.items()
        for row in model._default_manager.filter(
            workspace_id=workspace_id, pk__in=[number for one, number in told if one == kind]
        )
    }
    words = [names.get((kind, number), f"{kind} {number}") for kind, number in told]
    more = len(sources) - len(told)
    return " or ".join([*words, f"{more:,} more"] if more else words)
