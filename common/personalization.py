"""What personalization may look like, wherever it is given: an object of names to values."""

from collections.abc import Mapping
from typing import Any

import orjson

from common.errors import FieldError

PERSONALIZATION_LIMIT = 64 * 1024
RECIPIENT_PERSONALIZATION_LIMIT = 16 * 1024
NAME_LENGTH = 100
# Set by the system: nothing overrides them.
RESERVED_NAMES = frozenset({"unsubscribe_url", "preferences_url", "contact", "campaign", "event"})


def personalization_errors(value: Any, *, field: str, limit: int = PERSONALIZATION_LIMIT) -> list[FieldError]:
    """What keeps a value from being personalization: an object of names to values, at most `limit` bytes of JSON."""
    if not isinstance(value, Mapping):
        message = "Personalization is an object of names and values."
        return [FieldError(field, "wrong_type", message, shown(value), hint='For example {"offer": "20%"}.')]
    errors = [error for name in value if (error := _name_error(name, field=field))]
    try:
        size = len(orjson.dumps(value))
    except TypeError:
        message = "It holds something that can't be stored: a lone surrogate, too big a number or too deep nesting."
        return [*errors, FieldError(field, "invalid_value", message)]
    if size > limit:
        message = f"Personalization has at most {limit} bytes as JSON; this has {size}."
        errors.append(FieldError(field, "too_large", message, size, limit))
    if _holds_nul(value):
        errors.append(FieldError(field, "invalid_value", "It contains a NUL character.", hint="Leave it out."))
    return errors


def _name_error(name: object, *, field: str) -> FieldError | None:
    if not isinstance(name, str) or not name:
        return FieldError(field, "invalid_name", "Every name is a string that is not empty.", shown(name))
    if name in RESERVED_NAMES:
        message = f"{name} is reserved: Volley gives it its value."
        return FieldError(f"{field}.{name}", "reserved", message, hint="Choose another name.")
    if len(name) > NAME_LENGTH:
        message = f"A name has at most {NAME_LENGTH} characters; this has {len(name)}."
        return FieldError(f"{field}.{name[:20]}…", "too_long", message, shown(name), NAME_LENGTH)
    return None


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)


def shown(value: Any) -> Any:
    """A value as an error repeats it: scalars as they are, long ones cut; objects and arrays are not repeated."""
    if isinstance(value, str):
        return value if len(value) <= NAME_LENGTH else value[:NAME_LENGTH] + "…"
    return value if isinstance(value, bool | int | float) else None
