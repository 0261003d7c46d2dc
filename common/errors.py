"""Errors of the domain: raised by services, presented by the API as problems and by the admin as messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: what, where, the limit, and how to mend it."""

    field: str
    code: str
    message: str
    value: Any = None
    limit: Any = None
    hint: str | None = None

    def as_wire(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "code": self.code,
            "value": self.value,
            "limit": self.limit,
            "message": self.message,
            "hint": self.hint,
        }


class DomainError(Exception):
    """A refusal that the caller can understand; `status` is the HTTP status that presents it."""

    status = 400
    code = "bad_request"
    title = "The request can't be carried out."

    def __init__(self, detail: str = "", *, code: str | None = None, title: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.code = code or self.code
        self.title = title or self.title
        self.errors: Sequence[FieldError] = ()
        self.headers: dict[str, str] = {}


class Unreadable(DomainError):
    status, code, title = 400, "unreadable", "The body can't be read."


class NotFound(DomainError):
    status, code, title = 404, "not_found", "There is no such thing in this workspace."


class Conflict(DomainError):
    status, code, title = 409, "wrong_state", "Its state does not allow this."


class TooLarge(DomainError):
    status, code, title = 413, "too_large", "The body is too large."


class RateLimited(DomainError):
    status, code, title = 429, "rate_limited", "Too many requests."

    def __init__(self, detail: str = "", *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class Invalid(DomainError):
    """Fields that are wrong: all of them at once."""

    status, code = 422, "validation_error"

    def __init__(self, errors: Sequence[FieldError], *, detail: str = "Nothing was changed.") -> None:
        count = len(errors)
        super().__init__(detail, title=f"The request has {count} error{'' if count == 1 else 's'}.")
        self.errors = tuple(errors)
