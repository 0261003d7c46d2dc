"""What a caller asks for when it launches a campaign."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.errors import FieldError


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """`audience` and `personalization` are as the caller wrote them; `errors` is what could not be read before."""

    audience: Any
    frequency_capping: bool = True
    personalization: Any = field(default_factory=dict)
    scheduled_for: datetime | None = None
    strict: bool = False
    errors: tuple[FieldError, ...] = ()
