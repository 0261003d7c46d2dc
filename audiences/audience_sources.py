"""What an audience names: does the workspace have it? Foreign and absent are told alike."""

from collections.abc import Sequence

from audiences.audience_definition import Source, not_found
from audiences.models import List, Upload
from audiences.segments.services import rules_for_launch
from common.errors import FieldError


def missing_sources(*, workspace_id: int, sources: Sequence[Source]) -> list[FieldError]:
    """A query for each type. Segments that are found can't be deleted until the transaction ends."""
    known = {kind: _known(workspace_id, kind, sources) for kind in {source.type for source in sources}}
    return [not_found(source) for source in sources if source.id not in known[source.type]]


def _known(workspace_id: int, kind: str, sources: Sequence[Source]) -> set[int]:
    ids = sorted({source.id for source in sources if source.type == kind})
    if kind == "segment":
        return set(rules_for_launch(workspace_id=workspace_id, segment_ids=ids))
    model = List if kind == "list" else Upload
    return set(model.objects.filter(workspace_id=workspace_id, pk__in=ids).values_list("pk", flat=True))
