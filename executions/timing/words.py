"""What a caller wrote in an object of the wire, read field by field; every error is kept. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from common.errors import FieldError

_WALL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\Z", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
# A clock's time outside of these years could not be told as an instant, and nobody means it.
_YEARS = range(1900, 3000)


@dataclass(frozen=True, slots=True)
class Words:
    """An object called `name`; null is the same as nothing."""

    name: str
    given: Mapping[str, Any]
    errors: list[FieldError]

    @classmethod
    def of(cls, value: Any, name: str, fields: Sequence[str], errors: list[FieldError]) -> "Words":
        hint = f"The fields here are {', '.join(fields)}."
        if not isinstance(value, Mapping):
            errors.append(FieldError(name, "wrong_type", "This is an object.", hint=hint))
            return cls(name, {}, [])
        errors.extend(
            FieldError(f"{name}.{str(one)[:100]}", "unknown_field", "There is no such field.", hint=hint)
            for one in value
            if one not in fields
        )
        return cls(name, {one: value[one] for one in fields if value.get(one) is not None}, errors)

    def wrong(self, field: str, code: str, message: str, **more: Any) -> None:
        value = more.pop("value", self.given.get(field))
        shown = value[:100] if isinstance(value, str) else None if isinstance(value, list | dict) else value
        self.errors.append(FieldError(f"{self.name}.{field}", code, message, shown, **more))

    def only_with(self, other: str, fields: Sequence[str]) -> None:
        for field in fields:
            self.wrong(field, "out_of_place", f"This goes with {other} only.")


def wall_from(text: Any) -> datetime | None:
    """Naive; None for what is no such time, or has an offset."""
    if not isinstance(text, str) or not _WALL.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.year in _YEARS else None


def wall_text(wall: datetime) -> str:
    """As the wire has it: without seconds where there are none."""
    return wall.isoformat(timespec="seconds" if wall.second else "minutes")


def day_from(text: Any) -> date | None:
    if not isinstance(text, str) or not _DAY.match(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def read_wall(words: Words, field: str, *, hint: str | None = None) -> datetime | None:
    value = words.given.get(field)
    wall = wall_from(value)
    if wall is None:
        example = "What the clock on the wall shows, as in 2026-12-24T10:00."
        if value is None:
            words.wrong(field, "required", example)
        else:
            words.wrong(field, "invalid_time", f"This is no day and time without an offset. {example}", hint=hint)
    return wall
