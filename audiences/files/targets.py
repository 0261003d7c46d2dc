"""What a column of a file means: a field of the contact, and for attributes a type. Pure.

On the wire a target is a text (`"email"`, `"attributes.city"`, `""` for a column to leave out), or an object with a
type: `{"field": "attributes.age", "type": "number", "decimal": ","}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from audiences.bad_value import BadValue, clean_text, shown
from audiences.files import cell_types
from audiences.files.cell_types import Convert
from common.channels import ALIASES, Type
from common.personalization import RESERVED_NAMES

PLAIN = ("external_id", "email", "phone", "whatsapp", "locale", "timezone", "attributes")
CONSENT = ("consent", "consent_source", "consent_at")
TOKEN_TYPES = {"push": Type.PUSH, "webpush": Type.WEBPUSH, **ALIASES}
PERSONALIZATION = "personalization"
# Objects of the row that a column can put one value into: `attributes.city`.
NAMED = ("attributes", PERSONALIZATION)
IGNORED = ""
HINT = (
    "external_id, email, phone, whatsapp, locale, timezone, attributes, attributes.<name>, personalization.<name>,"
    " push:<app_id> …"
)
_OPTIONS = {"number": ("decimal", cell_types.DECIMALS), "date": ("order", cell_types.ORDERS)}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Target:
    """`type` empty: the value as it is in the file. `option` belongs to the type; empty is the usual one."""

    field: str
    type: str = ""
    option: str = ""

    def as_wire(self) -> str | dict[str, str]:
        if not self.type:
            return self.field
        found = {"field": self.field, "type": self.type}
        return {**found, OPTION_NAMES[self.type]: self.option} if self.option else found

    @property
    def convert(self) -> Convert | None:
        return _converter(self.type, self.option)


OPTION_NAMES = {"number": "decimal", "date": "order", "list": "separator"}


def _converter(type: str, option: str) -> Convert | None:
    if type in ("", "text"):
        return None
    plain: dict[str, Callable[..., Any]] = {
        "number": cell_types.to_number,
        "boolean": cell_types.to_boolean,
        "date": cell_types.to_date,
        "list": cell_types.to_list,
    }
    return partial(plain[type], **{OPTION_NAMES[type]: option}) if option else plain[type]


def parse_target(value: object) -> Target:
    """BadValue for what is no target."""
    if isinstance(value, str):
        return Target(_field(value))
    if not isinstance(value, Mapping):
        raise BadValue("wrong_type", "A column is mapped to a text, or to an object with field and type.")
    if unknown := value.keys() - {"field", "type", *OPTION_NAMES.values()}:
        raise BadValue("unknown_field", f"A target has no {shown(min(map(str, unknown)))}.")
    field, type = _field(value.get("field")), value.get("type")
    type = "" if type is None else type
    if type != "" and type not in cell_types.TYPES:
        raise BadValue("unknown_choice", f"{shown(type)} is no type; there are {', '.join(cell_types.TYPES)}.")
    if type and not field.startswith(tuple(f"{name}." for name in NAMED)):
        raise BadValue("not_allowed", f"Only attributes and personalization have a type; {shown(field)} has its own.")
    return Target(field, type, _option(type, value))


def _field(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or not _is_field(value):
        raise BadValue("unknown_choice", f"{shown(value)} is no field of a contact.")
    clean_text(value, name="A field", limit=_LONGEST)
    if is_reserved(value):
        names = ", ".join(sorted(RESERVED_NAMES))
        raise BadValue("reserved", f"{shown(value)} can't be given: Volley gives {names} their values.")
    return value


def is_reserved(field: str) -> bool:
    kind, _, name = field.partition(".")
    return kind == PERSONALIZATION and name in RESERVED_NAMES


def _is_field(target: str) -> bool:
    kind, colon, rest = target.partition(":")
    if target in (*PLAIN, *CONSENT, IGNORED) or (colon and kind in TOKEN_TYPES and rest):
        return True
    return any(target.startswith(f"{name}.") and len(target) > len(name) + 1 for name in NAMED)


def _option(type: str, value: Mapping[str, Any]) -> str:
    for other, name in OPTION_NAMES.items():
        if name in value and other != type:
            raise BadValue("not_allowed", f"{name} belongs to the type {other}.")
    if type not in OPTION_NAMES or OPTION_NAMES[type] not in value:
        return ""
    name, option = OPTION_NAMES[type], value[OPTION_NAMES[type]]
    if type in _OPTIONS:
        if option not in _OPTIONS[type][1]:
            raise BadValue("unknown_choice", f"{name} is one of {', '.join(_OPTIONS[type][1])}; not {shown(option)}.")
    elif not isinstance(option, str) or not 1 <= len(option) <= 5 or not option.isprintable():
        raise BadValue("wrong_type", f"{name} is a text of 1 to 5 characters; not {shown(option)}.")
    return str(option)
