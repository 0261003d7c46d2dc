"""What a row of an upload says to its person alone: kept with the upload, never with the contact."""

from collections.abc import Mapping
from typing import Any

import orjson

from audiences.bad_value import BadValue
from common.personalization import RECIPIENT_PERSONALIZATION_LIMIT, personalization_errors

FIELD = "personalization"


def split_personalization(row: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The row without its personalization, and that as JSON, None where it says nothing. Raises BadValue."""
    rest = dict(row)
    given = rest.pop(FIELD)
    if given is None or given == {}:
        return rest, None
    for error in personalization_errors(given, field=FIELD, limit=RECIPIENT_PERSONALIZATION_LIMIT):
        raise BadValue(error.code, error.message, field=error.field)
    return rest, orjson.dumps(given).decode()
