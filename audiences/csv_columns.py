"""What the columns of a file mean, and how a line becomes the row that the API would be given. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from audiences.bad_value import BadValue, shown
from audiences.files.cell_types import Convert
from audiences.files.errors import UnusableFile
from audiences.files.moments import with_offset
from audiences.files.targets import CONSENT, IGNORED, NAMED, PLAIN, TOKEN_TYPES, Target, is_reserved, parse_target
from audiences.json_text import parse_json
from common.channels import Type
from common.personalization import RESERVED_NAMES

_ADDRESS_TYPES = {"email": Type.EMAIL.value, "phone": Type.SMS.value, "whatsapp": Type.WHATSAPP.value}
_SHORT = ("email", "phone")
_FORMULAS = ("=", "+", "-", "@", "%", "|", "\\|")
# The columns that we put before those of the file when a line is refused: it can be mended and uploaded again.
OWN_COLUMNS = ("volley_line", "volley_code", "volley_field", "volley_message")


class CsvRow(NamedTuple):
    """`columns` names the column that each of the row's addresses came from."""

    row: dict[str, Any]
    columns: Sequence[str]


class _Step(NamedTuple):
    """How the cell at `place` gets into the row: plainly under `key`, as an address, …"""

    place: int
    name: str
    how: int
    key: str
    inner: str
    convert: Convert | None


_PLAINLY, _NAMED, _ADDRESS, _TOKENS, _OBJECT = range(5)


@dataclass(frozen=True, slots=True)
class Columns:
    names: Sequence[str]
    targets: Sequence[Target]
    steps: Sequence[_Step]
    consents: bool

    @classmethod
    def of(cls, header: Sequence[str], mapping: Mapping[str, Any]) -> "Columns":
        """`mapping` is column to target; what it does not name is guessed from the name. Raises UnusableFile."""
        names = [name.strip() for name in header]
        _refuse_unknown(names, mapping)
        targets = [parse_target(mapping[name]) if name in mapping else guessed(name) for name in names]
        _refuse_twice(names, targets)
        _refuse_reserved(names, targets)
        fields = [target.field for target in targets]
        if not any(field in ("external_id", *_ADDRESS_TYPES) or ":" in field for field in fields):
            raise UnusableFile(
                "No column says who a line is about: name one external_id, email, phone or push:<app_id>."
                f" The columns are: {', '.join(shown(name) for name in names[:20])}."
            )
        consents = any(field in CONSENT for field in fields)
        return cls(names, targets, _steps(names, targets, short=not consents), consents)

    def read(self, cells: Sequence[str]) -> CsvRow:
        """Empty cells say nothing. BadValue for a line that can't be read."""
        count = len(cells)
        if count > len(self.names):
            raise BadValue("too_many_cells", f"The line has {count} cells; the header has {len(self.names)}.")
        row: dict[str, Any] = {}
        addresses: list[dict[str, Any]] = []
        columns: list[str] = []
        for step in self.steps:
            place, name, how, key, inner, convert = step
            if place >= count:
                break
            value = cells[place].strip()
            if not value:
                continue
            if value[0] == "'":
                value = undefused(value)
            if how == _PLAINLY:
                row[key] = value
            elif how == _NAMED:
                found = value if convert is None else _converted(step, value)
                if key in row:
                    row[key][inner] = found
                else:
                    row[key] = {inner: found}
            elif how == _ADDRESS:
                addresses.append({"type": key, "value": value})
                columns.append(name)
            elif how == _TOKENS:
                for token in value.split("|"):
                    if token := token.strip():
                        addresses.append({"type": key, "app_id": inner, "value": token})
                        columns.append(name)
            else:
                row[key] = {**_object(value, name, key), **row.get(key, {})}
        if addresses:
            row["addresses"] = addresses
        if self.consents:
            _consent(row)
        return CsvRow(row, columns)

    def read_values(self, values: Sequence[Any]) -> CsvRow:
        """Of a file that knows types: what has no type in the mapping keeps that of the file."""
        cells = ["" if value is None else as_text(value) for value in values]
        found = self.read([cell if cell else "" for cell in cells])
        for step in self.steps:
            if step.how == _NAMED and step.convert is None and self.targets[step.place].type != "text":
                value = values[step.place]
                if value is not None and value != "" and not isinstance(value, str):
                    found.row[step.key][step.inner] = value
        return found

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        """The column that a refusal's field stands for: `addresses[1].value` is the second address's."""
        if field.startswith("addresses["):
            place, _, said = field.removeprefix("addresses[").partition("]")
            if said.lstrip(".") in CONSENT:
                return self._named(said.lstrip("."))
            return columns[int(place)] if int(place) < len(columns) else field
        return self._named(field)

    def _named(self, field: str) -> str:
        return next((name for name, one in zip(self.names, self.targets, strict=True) if one.field == field), field)


def guessed(name: str) -> Target:
    """The target of a column by its name; what is no field of a contact is an attribute."""
    plain = name.strip().lower().replace(" ", "_")
    if plain in PLAIN or plain in CONSENT:
        return Target(plain)
    if not plain or plain in OWN_COLUMNS:
        return Target(IGNORED)
    if plain.partition(":")[0] in TOKEN_TYPES and ":" in plain:
        return Target(f"{plain.partition(':')[0]}:{name.strip().partition(':')[2].strip()}")
    named = any(name.strip().startswith(f"{one}.") for one in NAMED)
    return Target(name.strip() if named else f"attributes.{name.strip()}")


def as_text(value: Any) -> str:
    """A value of a typed file as a cell would have it: a whole number has no point, also where it is a float."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    return orjson.dumps(value).decode() if isinstance(value, dict | list | bool) else str(value)


def _steps(names: Sequence[str], targets: Sequence[Target], *, short: bool) -> list[_Step]:
    found = []
    for place, (name, target) in enumerate(zip(names, targets, strict=True)):
        kind, _, rest = target.field.partition(":")
        key, _, inner = target.field.partition(".")
        if target.field == IGNORED:
            continue
        if rest:
            found.append(_Step(place, name, _TOKENS, kind, rest, None))
        elif inner:
            found.append(_Step(place, name, _NAMED, key, inner, target.convert))
        elif key == "attributes":
            found.append(_Step(place, name, _OBJECT, key, "", None))
        elif key in _ADDRESS_TYPES and not (short and key in _SHORT):
            found.append(_Step(place, name, _ADDRESS, _ADDRESS_TYPES[key], "", None))
        else:
            found.append(_Step(place, name, _PLAINLY, key, "", None))
    return found


def _refuse_unknown(names: Sequence[str], mapping: Mapping[str, Any]) -> None:
    for name in mapping:
        if name not in names:
            raise UnusableFile(
                f"The mapping names the column {shown(name)}, which the file does not have."
                f" Its columns are: {', '.join(shown(one) for one in names[:20])}."
            )


def _refuse_twice(names: Sequence[str], targets: Sequence[Target]) -> None:
    seen: dict[str, str] = {}
    for name, target in zip(names, targets, strict=True):
        if target.field in seen and target.field != IGNORED:
            raise UnusableFile(
                f"The columns {shown(seen[target.field])} and {shown(name)} both mean {target.field}; drop one."
            )
        seen[target.field] = name


def _refuse_reserved(names: Sequence[str], targets: Sequence[Target]) -> None:
    for name, target in zip(names, targets, strict=True):
        if is_reserved(target.field):
            raise UnusableFile(
                f"The column {shown(name)} can't be personalization: Volley gives {', '.join(sorted(RESERVED_NAMES))}"
                " their values. Choose another name."
            )


def undefused(value: str) -> str:
    """A spreadsheet-safe export, ours too, puts an apostrophe before what looks like a formula, and ours then a
    backslash before each |."""
    return value[1:].replace("\\|", "|") if value.startswith(_FORMULAS, 1) else value


def _converted(step: _Step, value: str) -> Any:
    assert step.convert is not None  # noqa: S101 - the caller asked
    try:
        return step.convert(value)
    except BadValue as error:
        error.field = f"{step.key}.{step.inner}"
        raise


def _object(value: str, name: str, key: str) -> dict[str, Any]:
    try:
        found = parse_json(value.encode())
    except (ValueError, UnicodeEncodeError):
        raise BadValue("invalid_json", f"The column {shown(name)} holds no JSON.", field=key) from None
    if not isinstance(found, dict):
        raise BadValue("wrong_type", f"The column {shown(name)} holds no JSON object.", field=key)
    return found


def _consent(row: dict[str, Any]) -> None:
    """Consent columns are about the email address and the phone numbers, not about devices."""
    consent = {name: row.pop(name) for name in CONSENT if name in row}
    if "consent_at" in consent:
        consent["consent_at"] = with_offset(consent["consent_at"])
    for address in row.get("addresses", ()):
        if "app_id" not in address:
            address.update(consent)
