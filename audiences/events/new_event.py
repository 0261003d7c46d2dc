"""An event that is about to be written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(slots=True)
class NewEvent:
    """`properties` and `context` are JSON text."""

    source: str
    name: str
    at: datetime
    message_id: str
    message_key: UUID
    contact_id: int | None = None
    app_id: int | None = None
    anonymous_id: str | None = None
    properties: str = "{}"
    context: str | None = None
