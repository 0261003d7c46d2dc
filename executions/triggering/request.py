"""What a caller asks for when it activates a triggered campaign."""

from dataclasses import dataclass, field
from typing import Any

from common.errors import FieldError


@dataclass(frozen=True, slots=True)
class ActivationRequest:
    """As a launch's: `personalization` as the caller wrote it, `errors` what could not be read before."""

    frequency_capping: bool = True
    personalization: Any = field(default_factory=dict)
    rate_per_minute: int | None = None
    errors: tuple[FieldError, ...] = ()
