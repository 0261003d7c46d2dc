"""What a flat JSON Schema finds wrong with a node, as errors of fields: code, limit and hint in our own words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator, FormatChecker

from common.errors import FieldError
from common.fields import json_name
from common.personalization import shown

_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
_DAY = re.compile(r"[12]\d{3}-\d\d-\d\d\Z", re.ASCII)
_MOMENT = re.compile(r"[12]\d{3}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_FORMATS = FormatChecker(formats=())


def _is_day(value: object) -> bool:
    return not isinstance(value, str) or bool(_DAY.match(value) and date.fromisoformat(value))


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or bool(_MOMENT.match(value) and datetime.fromisoformat(value))


_FORMATS.checks("date", raises=ValueError)(_is_day)
_FORMATS.checks("date-time", raises=ValueError)(_is_moment)


def schema_errors(node: Any, schema: Mapping[str, Any], field: str) -> list[FieldError]:
    """`field` is where the node is. One error for each field at most."""
    found: dict[str, FieldError] = {}
    for error in _validator(orjson.dumps(schema)).iter_errors(node):
        where = field + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        for each in _explained(error, where):
            found.setdefault(each.field, each)
    return list(found.values())


@cache
def _validator(schema: bytes) -> Any:
    return Draft202012Validator(orjson.loads(schema), format_checker=_FORMATS)


def _explained(error: Any, field: str) -> Iterator[FieldError]:
    keyword, limit, value = error.validator, error.validator_value, error.instance
    match keyword:
        case "required":
            for name in limit:
                if name not in value:
                    yield FieldError(f"{field}.{name}", "required", "This field is required.", hint=f"Send {name}.")
        case "additionalProperties":
            known = list(error.schema["properties"])
            for name in value:
                if name not in known:
                    yield unknown_field(field, name, known)
        case "enum":
            yield unknown_choice(field, value, limit)
        case "type":
            wanted = " or ".join(_WORDS[word] for word in ([limit] if isinstance(limit, str) else limit))
            yield FieldError(field, "wrong_type", f"This is {wanted}; it is {json_name(value)}.", shown(value))
        case _:
            yield _out_of_bounds(keyword, limit, value, field)


def _out_of_bounds(keyword: str, limit: Any, value: Any, field: str) -> FieldError:
    match keyword:
        case "minLength" | "minItems":
            return FieldError(field, "required", "This can't be empty.", shown(value), limit)
        case "maxLength":
            message = f"This has at most {limit} characters; it has {len(value)}."
            return FieldError(field, "too_long", message, shown(value), limit, "Shorten it.")
        case "maxItems":
            message = f"There are {len(value)}; at most {limit}."
            return FieldError(field, "too_many", message, len(value), limit, "Put them in a list, and name that.")
        case "minimum":
            return FieldError(field, "too_small", f"This is at least {limit}.", shown(value), limit)
        case "maximum":
            return FieldError(field, "too_large", f"This is at most {limit}.", shown(value), limit)
        case "format":
            example = "2026-01-31" if limit == "date" else "2026-01-31T09:00:00Z"
            message = f"This is no {'day of the calendar' if limit == 'date' else 'moment with an offset'}."
            return FieldError(field, "invalid_date", message, shown(value), hint=f"Write it like {example}.")
        case "pattern":
            return FieldError(field, "wrong_type", "An id is a whole number, or its digits as a string.", shown(value))
        case "anyOf":
            names = [name for one in limit for name in one["required"]]
            return FieldError(f"{field}.{names[0]}", "required", f"Give {' or '.join(names)}.")
    return FieldError(field, "required", "This can't be empty.", shown(value), limit)


def unknown_field(field: str, name: Any, known: Sequence[str]) -> FieldError:
    near = get_close_matches(str(name), known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
    return FieldError(f"{field}.{str(name)[:60]}", "unknown_field", "There is no such field here.", hint=hint)


def unknown_choice(field: str, value: Any, known: Sequence[str]) -> FieldError:
    if value is None:
        return FieldError(field, "required", "This field is required.", hint=f"One of: {', '.join(known)}.")
    message = f'There is no "{value[:60]}" here.' if isinstance(value, str) else "This is none of the words known here."
    return FieldError(field, "unknown_choice", message, shown(value), hint=f"One of: {', '.join(known)}.")
