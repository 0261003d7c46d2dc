"""What the columns of a CSV file mean, and how a line becomes the row that the API would be given. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audiences.bad_value import BadValue, shown
from audiences.json_text import parse_json
from common.channels import ALIASES, Type
from common.personalization import RESERVED_NAMES

PLAIN = ("external_id", "email", "phone", "whatsapp", "locale", "timezone", "attributes")
CONSENT = ("consent", "consent_source", "consent_at")
TOKEN_TYPES = {"push": Type.PUSH, "webpush": Type.WEBPUSH, **ALIASES}
_ADDRESS_TYPES = {"email": Type.EMAIL.value, "phone": Type.SMS.value, "whatsapp": Type.WHATSAPP.value}
# The columns that we put before those of the file when a line is refused: it can be mended and uploaded again.
OWN_COLUMNS = ("volley_line", "volley_code", "volley_field", "volley_message")
IGNORED = ""
PERSONALIZATION = "personalization."
_DOTTED = ("attributes.", PERSONALIZATION)
_UNUSABLE = RESERVED_NAMES | {""}


class UnusableFile(ValueError):
    """Nothing of the file can be imported; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """`columns` names the column that each of the row's addresses came from."""

    row: dict[str, Any]
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Columns:
    names: Sequence[str]
    targets: Sequence[str]

    @classmethod
    def of(cls, header: Sequence[str], mapping: Mapping[str, str]) -> "Columns":
        """`mapping` is column to target; what it does not name is guessed from the name. Raises UnusableFile."""
        names = [name.strip() for name in header]
        targets = [mapping[name] if name in mapping else guessed(name) for name in names]
        _refuse_unknown(names, mapping)
        _refuse_twice(names, targets)
        _refuse_reserved(names, targets)
        if not any(target in ("external_id", *_ADDRESS_TYPES) or ":" in target for target in targets):
            raise UnusableFile(
                "No column says who a line is about: name one external_id, email, phone or push:<app_id>."
                f" The columns are: {', '.join(shown(name) for name in names[:20])}."
            )
        return cls(names, targets)

    def read(self, cells: Sequence[str]) -> CsvRow:
        """Empty cells say nothing. BadValue for a line that can't be read."""
        if len(cells) > len(self.names):
            raise BadValue("too_many_cells", f"The line has {len(cells)} cells; the header has {len(self.names)}.")
        found: dict[str, str] = {}
        attributes: dict[str, Any] = {}
        personalization: dict[str, Any] = {}
        addresses: list[dict[str, Any]] = []
        columns: list[str] = []
        for name, target, cell in zip(self.names, self.targets, cells, strict=False):
            value = _undefused(cell.strip())
            if not value or target == IGNORED:
                continue
            if target == "attributes":
                attributes = {**_attributes(value, name), **attributes}
            elif target.startswith("attributes."):
                attributes[target.removeprefix("attributes.")] = value
            elif target.startswith(PERSONALIZATION):
                personalization[target.removeprefix(PERSONALIZATION)] = value
            elif target in _ADDRESS_TYPES:
                addresses.append({"type": _ADDRESS_TYPES[target], "value": value})
                columns.append(name)
            elif ":" in target:
                for token in _tokens(target, value):
                    addresses.append(token)
                    columns.append(name)
            else:
                found[target] = value
        row = _row(found, attributes, addresses)
        return CsvRow({**row, "personalization": personalization} if personalization else row, columns)

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        """The column that a refusal's field stands for: `addresses[1].value` is the second address's."""
        if field.startswith("addresses["):
            place, _, said = field.removeprefix("addresses[").partition("]")
            if said.lstrip(".") in CONSENT:
                return self._named(said.lstrip("."))
            return columns[int(place)] if int(place) < len(columns) else field
        return self._named(field)

    def _named(self, target: str) -> str:
        return self.names[self.targets.index(target)] if target in self.targets else target


def guessed(name: str) -> str:
    """The target of a column by its name; what is no field of a contact is an attribute."""
    plain = name.strip().lower().replace(" ", "_")
    if plain in PLAIN or plain in CONSENT:
        return plain
    if not plain or plain in OWN_COLUMNS:
        return IGNORED
    if plain.partition(":")[0] in TOKEN_TYPES and ":" in plain:
        return f"{plain.partition(':')[0]}:{name.strip().partition(':')[2].strip()}"
    return name.strip() if name.strip().startswith(_DOTTED) else f"attributes.{name.strip()}"


def is_target(target: str) -> bool:
    kind, colon, rest = target.partition(":")
    return (
        target in (*PLAIN, *CONSENT, IGNORED)
        or (bool(colon) and kind in TOKEN_TYPES and bool(rest))
        or (target.startswith("attributes.") and len(target) > len("attributes."))
        or (target.startswith(PERSONALIZATION) and target.removeprefix(PERSONALIZATION) not in _UNUSABLE)
    )


def _refuse_unknown(names: Sequence[str], mapping: Mapping[str, str]) -> None:
    for name in mapping:
        if name not in names:
            raise UnusableFile(f"The mapping names the column {shown(name)}, which the file does not have.")


def _refuse_twice(names: Sequence[str], targets: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name, target in zip(names, targets, strict=True):
        if target in seen and target != IGNORED:
            raise UnusableFile(f"The columns {shown(seen[target])} and {shown(name)} both mean {target}; drop one.")
        seen[target] = name


def _refuse_reserved(names: Sequence[str], targets: Sequence[str]) -> None:
    for name, target in zip(names, targets, strict=True):
        if target.startswith(PERSONALIZATION) and target.removeprefix(PERSONALIZATION) in _UNUSABLE:
            raise UnusableFile(
                f"The column {shown(name)} can't be personalization: Volley gives {', '.join(sorted(RESERVED_NAMES))}"
                " their values. Choose another name."
            )


def _undefused(value: str) -> str:
    """A spreadsheet-safe export, ours too, puts an apostrophe before what looks like a formula."""
    return value[1:] if value[:1] == "'" and value[1:2] in ("=", "+", "-", "@") else value


def _attributes(value: str, name: str) -> dict[str, Any]:
    try:
        found = parse_json(value.encode())
    except (ValueError, UnicodeEncodeError):
        raise BadValue("invalid_json", f"The column {shown(name)} holds no JSON.", field="attributes") from None
    if not isinstance(found, dict):
        raise BadValue("wrong_type", f"The column {shown(name)} holds no JSON object.", field="attributes")
    return found


def _tokens(target: str, value: str) -> list[dict[str, Any]]:
    kind, _, app_id = target.partition(":")
    tokens = [token.strip() for token in value.split("|")]
    return [{"type": kind, "app_id": app_id, "value": token} for token in tokens if token]


def _row(found: dict[str, str], attributes: dict[str, Any], addresses: list[dict[str, Any]]) -> dict[str, Any]:
    """Consent columns are about the email address and the phone numbers, not about devices."""
    consent = {name: found.pop(name) for name in CONSENT if name in found}
    for address in addresses:
        if "app_id" not in address:
            address.update(consent)
    row: dict[str, Any] = dict(found)
    if attributes:
        row["attributes"] = attributes
    if addresses:
        row["addresses"] = addresses
    return row
