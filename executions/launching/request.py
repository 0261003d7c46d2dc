"""What a caller asks for when it launches a campaign."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.errors import FieldError


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """`audience` and `personalization` are as the caller wrote them; `errors` is what could not be read before.

    `rate_per_minute`: messages, at most; None for as fast as the provider takes. `schedule` and `cut_off`, as written
    too, are read by `executions.timing`; `scheduled_for` is the instant, for those who give none of the two.
    """

    audience: Any
    frequency_capping: bool = True
    personalization: Any = field(default_factory=dict)
    scheduled_for: datetime | None = None
    schedule: Any = None
    cut_off: Any = None
    rate_per_minute: int | None = None
    strict: bool = False
    errors: tuple[FieldError, ...] = ()
