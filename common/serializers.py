"""Bodies and query strings, read strictly: every wrong field at once, unknown ones included."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from common.errors import FieldError, Invalid
from common.field_errors import FieldDetail, field_errors


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, and names the nearest one it does. Says only what shapes are."""

    def to_internal_value(self, data: Any) -> Any:
        values, errors = self.read(data)
        if errors:
            raise ValidationError(errors)
        return values

    def read(self, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values that are well-formed, and the details of those that are not."""
        if not isinstance(data, dict):
            raise ValidationError({"non_field_errors": [FieldDetail("This must be an object.", "wrong_type")]})
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, field in self._accepted().items():
            try:
                values[name] = field.run_validation(data.get(name, serializers.empty))
            except ValidationError as error:
                errors[name] = error.detail
            except serializers.SkipField:
                continue
        for name in data:
            if name not in self.fields:
                errors[name] = [self._unknown(str(name))]
        return values, errors

    def _accepted(self) -> dict[str, Any]:
        return {name: field for name, field in self.fields.items() if not field.read_only}

    def _unknown(self, name: str) -> FieldDetail:
        known = list(self._accepted())
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known) or 'nothing'}."
        return FieldDetail(f'There is no field "{name[:60]}" here.', "unknown_field", hint=hint)


class NoFields(StrictSerializer):
    """Nothing at all: an action that takes no body, a list that has no filters."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`values` holds what is well-formed; `errors` says what is not."""

    values: dict[str, Any]
    errors: list[FieldError]

    def refuse_with(self, more: Sequence[FieldError] = (), *, detail: str = "Nothing was changed.") -> None:
        """Raises everything that is wrong: the shapes found here, and what a service found in the other fields."""
        unread = {_root(error) for error in self.errors}
        if errors := [*self.errors, *(error for error in more if _root(error) not in unread)]:
            raise Invalid(errors, detail=detail)


def _root(error: FieldError) -> str:
    return error.field.partition("[")[0].partition(".")[0]


def read(shape: type[StrictSerializer], data: Any, *, partial: bool = False) -> Reading:
    """Reads a body without raising, so that a service can add what it finds."""
    try:
        values, details = shape(partial=partial).read(data)
    except ValidationError as error:
        return Reading({}, field_errors(error.detail, data))
    return Reading(values, field_errors(details, data))


def read_or_refuse(shape: type[StrictSerializer], data: Any, *, detail: str = "Nothing was changed.") -> dict[str, Any]:
    reading = read(shape, data)
    reading.refuse_with(detail=detail)
    return reading.values


def read_query(shape: type[StrictSerializer], query: QueryDict) -> dict[str, Any]:
    """The filters of a list; a parameter given twice counts once, an unknown one is refused.

    `limit`, `cursor` and `format` belong to other readers. Empty values mean that there is no filter.
    """
    given = {name: value for name, value in query.items() if name not in ("limit", "cursor", "format") and value != ""}
    for name, value in given.items():
        if "\0" in str(value):
            raise Invalid([FieldError(name, "invalid", "Text can't contain a NUL character.")])
    return read_or_refuse(shape, given, detail="Nothing was looked up.")
