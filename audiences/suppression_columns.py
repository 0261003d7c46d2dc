"""What the columns of a file of suppressions mean, and how a line becomes the row that the API would be given. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from audiences.bad_value import BadValue, shown
from audiences.csv_columns import CsvRow, as_text, undefused
from audiences.files.errors import UnusableFile
from audiences.files.moments import with_offset
from common.channels import Type

TARGETS = ("type", "value", "reason", "source", "created_at")
_IGNORED = ""
# As exports name them, in lower case with spaces for _ and -.
_EMAIL = (
    "email", "e mail", "email address", "e mail address", "emailaddress", "recipient email", "subscriber email", "mail"
)  # fmt: skip
_PHONE = ("phone", "phone number", "mobile", "mobile number", "msisdn", "sms")
_NAMES = {
    "type": ("type", "channel"),
    "value": ("value", "recipient", "suppressed address"),
    "reason": ("reason", "status", "suppression reason", "suppressionreason"),
    "source": ("source", "origin"),
    "created_at": (
        "created at", "created", "date", "timestamp", "suppressed at", "unsubscribed at", "unsub time",
        "unsubscribe time", "clean time", "cleaned time", "bounced at", "last changed", "last update time",
        "lastupdatetime", "optout date", "updated at",
    ),
}  # fmt: skip
# What says that nobody is suppressed: a file of all subscribers has such lines too.
_SUBSCRIBED = ("enabled", "subscribed", "active", "confirmed", "unconfirmed", "pending", "ok")


class _Step(NamedTuple):
    place: int
    target: str


@dataclass(frozen=True, slots=True)
class SuppressionColumns:
    """`fixed` is what holds for every line that has no column for it: type, reason, source."""

    names: Sequence[str]
    steps: Sequence[_Step]
    fixed: Mapping[str, str]

    @classmethod
    def of(cls, header: Sequence[str], mapping: Mapping[str, Any], fixed: Mapping[str, str]) -> "SuppressionColumns":
        """`mapping` is column to one of `TARGETS`, or to nothing. What it does not name goes by its name, unless it is
        fixed. Raises UnusableFile."""
        names = [name.strip() for name in header]
        unknown = [name for name in mapping if name not in names]
        if unknown:
            raise UnusableFile(
                f"The mapping names the column {shown(unknown[0])}, which the file does not have. {_listed(names)}"
            )
        targets = {names.index(name): str(target) for name, target in mapping.items() if target}
        said = {*targets.values(), *fixed}
        left = [place for place, name in enumerate(names) if name not in mapping]
        for target in TARGETS:
            place = None if target in said else _first(names, left, _NAMES[target])
            if place is not None:
                targets[place] = target
        kind = fixed.get("type")
        if "value" not in targets.values():
            kind, place = _address_column(names, left, kind)
            targets[place] = "value"
        typed = {} if kind is None or "type" in targets.values() else {"type": kind}
        steps = [_Step(place, targets[place]) for place in sorted(targets)]
        return cls(names, steps, {**fixed, **typed})

    def read(self, cells: Sequence[Any]) -> CsvRow:
        """Empty cells say nothing. BadValue for a line that can't be read, or is about somebody who is subscribed."""
        if len(cells) > len(self.names):
            raise BadValue("too_many_cells", f"The line has {len(cells)} cells; the header has {len(self.names)}.")
        row: dict[str, Any] = dict(self.fixed)
        for place, target in self.steps:
            value = cells[place].strip() if place < len(cells) else ""
            if value:
                row[target] = undefused(value) if value[0] == "'" else value
        if str(row.get("reason", "")).lower() in _SUBSCRIBED:
            message = f"This is {shown(row['reason'])} there, so it is not suppressed."
            raise BadValue("not_suppressed", message, field=self.column_of("reason", ()))
        if "created_at" in row:
            row["created_at"] = with_offset(row["created_at"])
        return CsvRow(row, ())

    def read_values(self, values: Sequence[Any]) -> CsvRow:
        """Of a file that knows types."""
        return self.read(["" if value is None else as_text(value) for value in values])

    def column_of(self, field: str, columns: Sequence[str]) -> str:
        return next((self.names[step.place] for step in self.steps if step.target == field), field)


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _first(names: Sequence[str], places: Sequence[int], wanted: Sequence[str]) -> int | None:
    """Of several the one that is named first in `wanted`."""
    found = [(wanted.index(_plain(names[place])), place) for place in places if _plain(names[place]) in wanted]
    return min(found)[1] if found else None


def _address_column(names: Sequence[str], places: Sequence[int], kind: str | None) -> tuple[str, int]:
    """The type, and the column of its addresses: emails, unless phone numbers are all there is or are asked for."""
    email, phone = _first(names, places, _EMAIL), _first(names, places, _PHONE)
    if email is not None and kind in (None, Type.EMAIL):
        return Type.EMAIL.value, email
    if phone is not None and kind in (None, Type.SMS, Type.WHATSAPP):
        return kind or Type.SMS.value, phone
    raise UnusableFile(f"No column says what is suppressed: name one value or email, or map it. {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return f"Its columns are: {', '.join(shown(name) for name in names[:20])}."
