"""Fields of the wire: strict about JSON types, and able to say what they wanted instead.

REST framework's own fields take `"5"`, `5.0` and `true` for a number; here a type is a type, with one exception
that the wire promises: an id may be a string of digits.
"""

import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from common.field_errors import FieldDetail

BIGINT = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,19}\Z")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?\Z", re.ASCII)
_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
}


def refuse(code: str, message: str, *, limit: Any = None, hint: str | None = None) -> NoReturn:
    raise ValidationError([FieldDetail(message, code, limit=limit, hint=hint)])


def json_name(value: Any) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else _NAMES.get(type(value), "something else")


def _wrong_type(wanted: str, value: Any, *, hint: str | None = None) -> NoReturn:
    refuse("wrong_type", f"This must be {wanted}; it is {json_name(value)}.", hint=hint)


class IdField(serializers.IntegerField):
    """A whole number or its digits as a string, up to 2^63 - 1; gives an int."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and _DIGITS.match(data):
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            _wrong_type("an id: a whole number, or its digits as a string", data)
        if not 0 <= data <= BIGINT:
            refuse("out_of_range", "No id is that number.", limit=BIGINT)
        return int(data)


class WholeField(serializers.IntegerField):
    """A JSON whole number; `min_value` and `max_value` as usual."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            _wrong_type("a whole number", data)
        least = self.min_value if self.min_value is not None else -BIGINT
        most = self.max_value if self.max_value is not None else BIGINT
        if data < least:
            refuse("too_small", f"This is at least {least}.", limit=least)
        if data > most:
            refuse("too_large", f"This is at most {most}.", limit=most)
        return int(data)


class FlagField(serializers.BooleanField):
    """JSON true or false, nothing that looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            _wrong_type("true or false", data)
        return data


class TextField(serializers.CharField):
    """JSON text, surrounding white space removed."""

    def __init__(self, *, max_length: int | None = None, min_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Kept off the parent, whose validators would report the same without the limit.
        self.longest, self.shortest = max_length, min_length

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            _wrong_type("text", data, hint="Put it in quotes." if isinstance(data, int) else None)
        if data == "" and self.allow_blank:
            return ""
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        text: str = data.strip() if self.trim_whitespace else data
        if self.longest is not None and len(text) > self.longest:
            refuse(
                "too_long",
                f"This has at most {self.longest} characters; it has {len(text)}.",
                limit=self.longest,
                hint="Shorten it.",
            )
        if self.shortest is not None and len(text) < self.shortest:
            refuse("too_short", f"This has at least {self.shortest} characters.", limit=self.shortest)
        return text


class WordField(serializers.ChoiceField):
    """One word of a closed list; `aliases` are accepted too, and give the word they stand for."""

    def __init__(self, choices: Any, *, aliases: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.aliases = aliases or {}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            _wrong_type("text", data)
        word = self.aliases.get(data, data)
        if word not in self.choices:
            words = ", ".join(str(choice) for choice in self.choices)
            refuse("unknown_choice", f'There is no "{data[:60]}" here.', hint=f"One of: {words}.")
        return str(word)


class ObjectField(serializers.DictField):
    """A JSON object, kept as it is."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            _wrong_type("an object of names and values", data, hint='For example {"offer": "20%"}.')
        return data


class ItemsField(serializers.ListField):
    """A JSON list; errors name the item's place."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None:
            if not isinstance(data, list):
                _wrong_type("a list", data, hint="Put it in brackets: […].")
            if self.max_length is not None and len(data) > self.max_length:
                refuse("too_many", f"There are {len(data)}; at most {self.max_length}.", limit=self.max_length)
        return super().run_validation(data)


class TimeField(serializers.DateTimeField):
    """RFC 3339 with its offset; gives a datetime in UTC."""

    def to_internal_value(self, data: Any) -> datetime:
        found = _RFC3339.match(data) if isinstance(data, str) else None
        if found is None:
            refuse("invalid_time", "This is not a time of RFC 3339.", hint="For example 2026-11-23T10:00:00Z.")
        if found[2] is None:
            refuse(
                "offset_missing",
                "The time has no offset, so it could mean any of 24 hours.",
                hint=f"Add Z for UTC, or an offset: {data}+05:30.",
            )
        try:
            return datetime.fromisoformat(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            refuse("invalid_time", "There is no such time.", hint="For example 2026-11-23T10:00:00Z.")
