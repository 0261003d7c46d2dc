"""What is said to one recipient alone: named at the launch, or by an upload, where it lies and never changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.sql import SQL, Composable, Literal

from audiences.models import Upload
from executions.delivery.retried import RETRY
from executions.models import Execution

OWN = SQL("own.personalization::text")


def personalized_uploads(audience: Mapping[str, Any]) -> list[int]:
    """The ids of the uploads in it that have personalization, as it names them; a retry has those of the retried."""
    while audience.get("type") == RETRY:
        audience = Execution.objects.values_list("audience", flat=True).get(pk=audience["execution_id"])
    named = [one["id"] for one in (audience, *audience.get("sources", ())) if one.get("type") == "upload"]
    known = set(Upload.objects.filter(pk__in=named, personalized=True).values_list("pk", flat=True)) if named else ()
    return [pk for pk in named if pk in known]


def own_personalization_sql(*, execution_id: int | None, uploads: Sequence[int], contact_id: Composable) -> Composable:
    """A `LEFT JOIN` named `own`, for `OWN`. Of several uploads the last that says something to the contact counts."""
    if not uploads:
        return SQL("LEFT JOIN executions_recipientdata own ON own.execution_id = {} AND own.contact_id = {}").format(
            Literal(execution_id), contact_id
        )
    if len(uploads) == 1:
        return SQL("LEFT JOIN audiences_uploadmembership own ON own.upload_id = {} AND own.contact_id = {}").format(
            Literal(uploads[0]), contact_id
        )
    return SQL("""
        LEFT JOIN LATERAL (
            SELECT m.personalization FROM unnest({}::bigint[]) WITH ORDINALITY named (upload_id, place)
            JOIN audiences_uploadmembership m ON m.upload_id = named.upload_id AND m.contact_id = {}
            WHERE m.personalization IS NOT NULL ORDER BY place DESC LIMIT 1
        ) own ON TRUE
    """).format(Literal(list(uploads)), contact_id)
