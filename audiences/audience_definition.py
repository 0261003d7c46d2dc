"""Reads an audience as a caller defines it, into a definition that can be stored and sources that can be looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import FieldError
from common.personalization import shown

INLINE_LIMIT = 10_000
SOURCE_LIMIT = 1_000
# Each has a rule of its own to be answered for everybody.
SEGMENT_LIMIT = 50
SOURCE_TYPES = ("list", "segment", "upload")
AUDIENCE_TYPES = (*SOURCE_TYPES, "all", "any_of", "contacts")
_FIELDS = {
    "all": {"type", "exclude"},
    "any_of": {"type", "sources", "exclude"},
    "contacts": {"type", "contacts", "create_missing", "exclude"},
}
_BIGGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Source:
    """One id that an audience names, and the field where it does."""

    field: str
    type: str
    id: int


@dataclass(frozen=True, slots=True)
class AudienceDefinition:
    """`stored` is what an execution keeps: inline contacts are left out of it, and only counted."""

    stored: dict[str, Any]
    sources: tuple[Source, ...] = ()
    contacts: Sequence[Any] | None = None
    create_missing: bool = True
    errors: tuple[FieldError, ...] = ()


def read_audience(value: Any) -> AudienceDefinition:
    """Every error in it is collected; ids are not looked up here."""
    if not isinstance(value, Mapping):
        code, message = ("required", "Say whom to send to.") if value is None else ("wrong_type", "This is an object.")
        hint = 'For example {"type": "list", "id": 42} or {"type": "all"}.'
        return AudienceDefinition({}, errors=(FieldError("audience", code, message, shown(value), hint=hint),))
    kind = value.get("type")
    if kind not in AUDIENCE_TYPES:
        return AudienceDefinition({}, errors=(_unknown_type("audience.type", kind, AUDIENCE_TYPES),))
    errors = _unknown_fields(value, _FIELDS.get(kind, {"type", "id", "exclude"}), field="audience")
    stored: dict[str, Any] = {"type": kind}
    sources: list[Source] = []
    contacts: Sequence[Any] | None = None
    if kind == "any_of":
        stored["sources"] = _read_sources(value.get("sources"), "audience.sources", sources, errors, least=1)
    elif kind == "contacts":
        contacts = _read_contacts(value, stored, errors)
    elif kind != "all":
        stored["id"] = _read_id(value.get("id"), "audience.id", kind, sources, errors)
    excluded = value.get("exclude")
    stored["exclude"] = _read_sources([] if excluded is None else excluded, "audience.exclude", sources, errors)
    return AudienceDefinition(stored, tuple(sources), contacts, bool(stored.get("create_missing", True)), tuple(errors))


def read_id(value: Any) -> int | None:
    """An id as it may be written on the wire, as a number or as digits; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    return None


def _read_id(value: Any, field: str, kind: str, sources: list[Source], errors: list[FieldError]) -> int | None:
    if value is None:
        errors.append(FieldError(field, "required", f"Give the id of the {kind}."))
        return None
    number = read_id(value)
    if number is None:
        message = "An id is a whole number, or a string of digits."
        errors.append(FieldError(field, "wrong_type", message, shown(value)))
        return None
    if not 0 < number <= _BIGGEST_ID:
        errors.append(not_found(Source(field, kind, number)))
        return None
    sources.append(Source(field, kind, number))
    return number


def _read_sources(
    value: Any, field: str, sources: list[Source], errors: list[FieldError], *, least: int = 0
) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        code = "required" if value is None else "wrong_type"
        errors.append(FieldError(field, code, "This is an array of sources.", shown(value)))
        return []
    if len(value) < least:
        errors.append(FieldError(field, "audience_empty", "Name at least one source."))
    too_many = _too_many(value, field)
    if too_many is not None:
        errors.append(too_many)
        return []
    return [_read_source(item, f"{field}[{place}]", sources, errors) for place, item in enumerate(value)]


def _too_many(value: list[Any], field: str) -> FieldError | None:
    if len(value) > SOURCE_LIMIT:
        message = f"There are at most {SOURCE_LIMIT:,} sources here; these are {len(value):,}."
        hint = "A segment can name 50 lists in each of its conditions; name segments here."
        return FieldError(field, "too_many", message, len(value), SOURCE_LIMIT, hint)
    segments = sum(isinstance(one, Mapping) and one.get("type") == "segment" for one in value)
    if segments > SEGMENT_LIMIT:
        message = f"Of the sources here, at most {SEGMENT_LIMIT} are segments; these are {segments}."
        hint = "A segment's rule can join what several ask; name that."
        return FieldError(field, "too_many", message, segments, SEGMENT_LIMIT, hint)
    return None


def _read_source(value: Any, field: str, sources: list[Source], errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        message = 'A source is an object like {"type": "list", "id": 42}.'
        errors.append(FieldError(field, "wrong_type", message, shown(value)))
        return {}
    kind = value.get("type")
    if kind not in SOURCE_TYPES:
        errors.append(_unknown_type(f"{field}.type", kind, SOURCE_TYPES))
        return {}
    errors.extend(_unknown_fields(value, {"type", "id"}, field=field))
    return {"type": kind, "id": _read_id(value.get("id"), f"{field}.id", kind, sources, errors)}


def _read_contacts(value: Mapping[str, Any], stored: dict[str, Any], errors: list[FieldError]) -> Sequence[Any] | None:
    create_missing = value.get("create_missing", True)
    if not isinstance(create_missing, bool):
        message = "This is true or false."
        errors.append(FieldError("audience.create_missing", "wrong_type", message, shown(create_missing)))
    stored["create_missing"] = create_missing is not False
    contacts, field = value.get("contacts"), "audience.contacts"
    if not isinstance(contacts, list):
        code = "required" if contacts is None else "wrong_type"
        errors.append(FieldError(field, code, "This is an array of contacts.", shown(contacts)))
        return None
    stored["count"] = len(contacts)
    if not contacts:
        errors.append(FieldError(field, "audience_empty", "Name at least one contact."))
    if len(contacts) > INLINE_LIMIT:
        message = f"One call takes at most {INLINE_LIMIT} contacts; these are {len(contacts)}."
        hint = "Upload them as a file, or put them in a list, and name that."
        errors.append(FieldError(field, "too_many", message, len(contacts), INLINE_LIMIT, hint))
        return None
    return contacts or None


def _unknown_type(field: str, value: Any, known: Sequence[str]) -> FieldError:
    code = "required" if value is None else "unknown_choice"
    hint = "A retry is made with POST /api/v1/executions/{id}/retry-failed." if value == "retry" else None
    return FieldError(field, code, f"The type is one of {', '.join(known)}.", shown(value), hint=hint)


def _unknown_fields(value: Mapping[str, Any], known: set[str], *, field: str) -> list[FieldError]:
    hint = f"The fields here are {', '.join(sorted(known))}."
    return [
        FieldError(f"{field}.{name[:100]}", "unknown_field", "There is no such field.", hint=hint)
        for name in value
        if name not in known
    ]


def not_found(source: Source) -> FieldError:
    """The same answer for an id of another workspace and for one that nobody has."""
    return FieldError(
        source.field,
        "not_found",
        f"This workspace has no such {source.type}.",
        source.id,
        hint=f"List them with GET /api/v1/{source.type}s.",
    )
