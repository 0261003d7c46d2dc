"""The compatible two-step wire, translated into the native one: lenient in shapes, ignorant of unknown fields.

Fields of errors are translated back, so that callers find them under the names they sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.channels import parse_type
from common.errors import FieldError

CREATE_FIELDS = (
    "type",
    "name",
    "app_ids",
    "template_id",
    "tags",
    "purpose",
    "sender_id",
    "personalization",
    "once",
    "on_cap",
    "on_unknown",
)
SOURCES = ("list", "segment", "upload")
_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


def native_create(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a native create: `app_id` is `app_ids`, single values are lists of one."""
    found = {name: body[name] for name in CREATE_FIELDS if body.get(name) is not None}
    if "app_ids" not in found and body.get("app_id") is not None:
        found["app_ids"] = body["app_id"]
    for name in ("app_ids", "tags"):
        if name in found:
            found[name] = _listed(found[name])
    if "app_ids" in found:
        found["app_ids"] = [str(one) if _is_whole(one) else one for one in found["app_ids"]]
    return found


@dataclass(frozen=True, slots=True)
class NativeExecute:
    """`names` maps fields of the native body to those that were sent."""

    audience: dict[str, Any] | None
    frequency_capping: bool
    personalization: Any
    names: Mapping[str, str]
    errors: tuple[FieldError, ...]


def native_execute(body: Mapping[str, Any]) -> NativeExecute:
    errors: list[FieldError] = []
    audience, names = _audience(body, errors)
    personalization = body.get("personalization")
    return NativeExecute(
        audience=audience,
        frequency_capping=_flag(body.get("frequency_capping"), errors),
        personalization={} if personalization is None else personalization,
        names=names,
        errors=tuple(errors),
    )


def type_error(given: Any, expected: str) -> FieldError | None:
    """The type need not be said; said, it is the campaign's."""
    if given is None:
        return None
    try:
        known = isinstance(given, str) and parse_type(given) == expected
    except ValueError:
        known = False
    if known:
        return None
    shown = given if isinstance(given, str | int) else None
    return FieldError("type", "wrong_type", f"The campaign's type is {expected}.", shown, hint="Leave it out.")


def renamed(error: FieldError, names: Mapping[str, str]) -> FieldError:
    for native, sent in names.items():
        if error.field == native or error.field.startswith((f"{native}.", f"{native}[")):
            field = sent + error.field[len(native) :].removesuffix(".id")
            return FieldError(field, error.code, error.message, error.value, error.limit, error.hint)
    return error


def _audience(body: Mapping[str, Any], errors: list[FieldError]) -> tuple[dict[str, Any] | None, Mapping[str, str]]:
    source = body.get("data_source")
    if source is None:
        source = next((kind for kind in SOURCES if _ids(body, kind) is not None), None)
    if source == "all":
        return {"type": "all"}, {"audience": "data_source"}
    if not isinstance(source, str) or source not in SOURCES:
        code = "required" if source is None else "unknown_choice"
        message = f"The data source is one of {', '.join(SOURCES)}, all."
        errors.append(FieldError("data_source", code, message, source if isinstance(source, str) else None))
        return None, {}
    named = _ids(body, source)
    if named is None:
        message = f"Give the id of the {source}."
        errors.append(FieldError(f"{source}_id", "required", message))
        return None, {}
    field, given = named
    if not isinstance(given, list):
        return {"type": source, "id": given}, {"audience.id": field, "audience": "data_source"}
    sources = [{"type": source, "id": one} for one in given]
    return {"type": "any_of", "sources": sources}, {"audience.sources": field, "audience": "data_source"}


def _ids(body: Mapping[str, Any], source: str) -> tuple[str, Any] | None:
    """The field that holds the source's id or ids, and what is in it."""
    for field in (f"{source}_id", f"{source}_ids", "data_source_id", "data_source_ids"):
        if body.get(field) is not None:
            return field, body[field]
    return None


def _flag(value: Any, errors: list[FieldError]) -> bool:
    if value is None:
        return True
    word = str(value).strip().lower()
    if isinstance(value, bool | int | str) and word in _WORDS:
        return _WORDS[word]
    message = f"This is one of {', '.join(_WORDS)}."
    shown = value if isinstance(value, str | int | float) else None
    errors.append(FieldError("frequency_capping", "unknown_choice", message, shown))
    return True


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
