"""A row that suppresses an address, as the API and files give it. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from audiences.address_values import parse_address
from audiences.bad_value import BadValue, clean_text, shown
from audiences.contact_rows import parse_moment
from common.channels import Type, parse_type

FIELDS = frozenset({"type", "value", "reason", "source", "created_at"})
MANUAL, BOUNCE, COMPLAINT, UNSUBSCRIBED = "manual", "bounce", "complaint", "unsubscribed"
_REASON_LENGTH = 40
_SKEW = timedelta(minutes=15)

# What other systems call the four reasons, in lower case with spaces for _ and -. Other words stay as they are.
_WORDS = {
    BOUNCE: ("bounced", "hard bounce", "hard bounced", "hardbounce", "permanent bounce", "cleaned", "invalid email"),
    COMPLAINT: ("complained", "spam", "spam report", "spamreport", "spam complaint", "abuse", "abuse complaint"),
    UNSUBSCRIBED: ("unsubscribe", "unsubscription", "unsub", "opt out", "optout", "opted out", "group unsubscribe"),
    MANUAL: ("", "admin", "user", "blocklist", "blocklisted", "blacklist", "blacklisted", "disabled", "suppressed"),
}
_REASONS = {word: reason for reason, words in _WORDS.items() for word in (reason, *words)}


class SuppressionRow(NamedTuple):
    """`created_at` is when it was suppressed first, maybe in another system; None: now."""

    type: str
    value: str
    reason: str
    source: str
    created_at: datetime | None

    @property
    def key(self) -> tuple[str, str]:
        return self.type, self.value


def parse_suppression(row: object, *, now: datetime) -> SuppressionRow:
    """Raises BadValue; its `field` is relative to the row."""
    if not isinstance(row, Mapping):
        raise BadValue("wrong_type", "A suppression must be an object.")
    for name in row:
        if name not in FIELDS:
            raise BadValue("unknown_field", f"A suppression has no field {shown(name)}.")
    kind = _parse_type(row.get("type"))
    return SuppressionRow(
        kind,
        _parse_value(kind, row.get("value")),
        reason_of(_text(row, "reason", _REASON_LENGTH)),
        _text(row, "source", 200),
        _parse_created_at(row.get("created_at"), now),
    )


def parse_fixed(fixed: Mapping[str, str]) -> dict[str, str]:
    """What holds for a whole file: `type`, `reason`, `source`. Raises BadValue."""
    found: dict[str, str] = {}
    if fixed.get("type"):
        found["type"] = _parse_type(fixed["type"])
    if fixed.get("reason"):
        found["reason"] = reason_of(_text(fixed, "reason", _REASON_LENGTH))
    if fixed.get("source"):
        found["source"] = _text(fixed, "source", 200)
    return found


def reason_of(word: str) -> str:
    """One of the four where the word means one of them."""
    return _REASONS.get(" ".join(word.lower().replace("_", " ").replace("-", " ").split()), word)


def _parse_type(value: object) -> str:
    try:
        return parse_type(clean_text(value, name="type", limit=20)).value
    except BadValue as error:
        error.field = "type"
        raise
    except ValueError:
        raise BadValue(
            "unknown_choice", f"{shown(value)} is no type; the types are {', '.join(Type.values)}.", field="type"
        ) from None


def _parse_value(kind: str, value: object) -> str:
    try:
        return parse_address(kind, value)
    except BadValue as error:
        error.field = "value"
        raise


def _parse_created_at(value: object, now: datetime) -> datetime | None:
    try:
        moment = parse_moment(value, name="created_at")
        if moment is not None and moment > now + _SKEW:
            raise BadValue("invalid_time", f"{shown(value)} is in the future; it says when the address was suppressed.")
        if moment is not None and moment < datetime(1970, 1, 1, tzinfo=UTC):
            raise BadValue("invalid_time", f"{shown(value)} is before 1970.")
    except BadValue as error:
        error.field = "created_at"
        raise
    return moment


def _text(row: Mapping[str, Any], name: str, limit: int) -> str:
    if row.get(name) is None:
        return ""
    try:
        return clean_text(row[name], name=name, limit=limit).strip()
    except BadValue as error:
        error.field = name
        raise
