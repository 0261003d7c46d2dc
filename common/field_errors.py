"""Turns REST framework's nested error details into a flat list of field errors."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.exceptions import ErrorDetail

from common.errors import FieldError
from common.personalization import shown

# REST framework's word → ours.
_CODES = {
    "max_length": "too_long",
    "min_length": "too_short",
    "max_value": "too_large",
    "min_value": "too_small",
    "max_string_length": "too_long",
    "empty": "required",
    "invalid_choice": "unknown_choice",
    "not_a_list": "wrong_type",
    "not_a_dict": "wrong_type",
}
_REQUIRED = "This field is required."


class FieldDetail(ErrorDetail):
    """An error detail that knows the limit it is about, and how to mend it."""

    limit: Any
    hint: str | None

    def __new__(cls, message: str, code: str, *, limit: Any = None, hint: str | None = None) -> "FieldDetail":
        self = super().__new__(cls, message, code)
        self.limit = limit
        self.hint = hint
        return self


def field_errors(detail: Any, given: Any = None) -> list[FieldError]:
    """`detail` is a ValidationError's; `given` is what was sent, to quote the value of each field."""
    return [_error(path, leaf, given) for path, leaf in _leaves(detail, ())]


def _leaves(detail: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], ErrorDetail]]:
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _leaves(inner, path if key == "non_field_errors" else (*path, key))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            # A list of messages is about one field; a list of mappings is about the items of a list.
            yield from _leaves(inner, path if isinstance(inner, str) else (*path, index))
    else:
        yield path, detail if isinstance(detail, ErrorDetail) else ErrorDetail(str(detail), "invalid")


def _error(path: tuple[str | int, ...], detail: ErrorDetail, given: Any) -> FieldError:
    code = _CODES.get(detail.code or "", detail.code or "invalid")
    return FieldError(
        field=_dotted(path),
        code=code,
        message=str(detail),
        value=shown(_at(given, path)),
        limit=getattr(detail, "limit", None),
        hint=getattr(detail, "hint", None) or (f"Send {path[-1]}." if str(detail) == _REQUIRED and path else None),
    )


def _dotted(path: tuple[str | int, ...]) -> str:
    """`("contacts", 2, "email")` is `contacts[2].email`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _at(given: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            given = given[step]
        except (KeyError, IndexError, TypeError):
            return None
    return given
