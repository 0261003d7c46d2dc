"""One contact as callers and files give it, parsed and judged. Pure: knows no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from audiences.address_values import parse_address
from audiences.attributes import Attributes, parse_packed
from audiences.bad_value import BadValue, clean_text, shown
from audiences.email_address import parse_email
from audiences.locale_tag import parse_locale, parse_timezone
from audiences.phone_number import parse_phone
from common.channels import APP_TYPES, Type, parse_type

MAX_ADDRESSES = 100
FIELDS = frozenset({"external_id", "email", "phone", "locale", "timezone", "attributes", "addresses"})
ADDRESS_FIELDS = frozenset({"type", "app_id", "value", "platform", "consent", "consent_source", "consent_at"})

# (type, the app's primary key or None, value)
AddressKey = tuple[str, int | None, str]


class AddressRow(NamedTuple):
    """`consent` None: not said. `platform` empty: not said."""

    key: AddressKey
    platform: str = ""
    consent: str | None = None
    consent_source: str = ""
    consent_at: datetime | None = None


@dataclass(slots=True)
class ContactRow:
    """`locale`, `timezone`, `attributes` None: not said, so left as they are. `packed` is `attributes` as JSON."""

    index: int
    external_id: str | None
    locale: str | None
    timezone: str | None
    attributes: Attributes | None
    packed: bytes
    addresses: tuple[AddressRow, ...]

    @property
    def identifying(self) -> AddressKey:
        """The address that names the person of a row without external_id: email, then phone, then token."""
        if self.addresses[0].key[0] == Type.EMAIL.value:
            return self.addresses[0].key
        return min((address.key for address in self.addresses), key=lambda key: _IDENTIFY_ORDER[key[0]])


_TYPES = frozenset(Type.values)
# Of an address of which no more is said than what it is: with and without an app.
_PLAIN_FIELDS = {True: 2, False: 3}
_IDENTIFY_ORDER = {
    kind.value: place
    for place, kind in enumerate((Type.EMAIL, Type.SMS, Type.WHATSAPP, Type.PUSH, Type.WEBPUSH, Type.WEBHOOK))
}


def parse_row(index: int, row: object, apps: Mapping[str, int]) -> ContactRow:
    """`apps` maps public app ids to primary keys. BadValue's `field` is relative to the row."""
    if not isinstance(row, dict):
        raise BadValue("wrong_type", "A contact must be an object.")
    if not row.keys() <= FIELDS:
        unknown = min(map(str, row.keys() - FIELDS))
        raise BadValue("unknown_field", f"A contact has no field {shown(unknown)}.", field=_safe(unknown))
    external_id = _at("external_id", _parse_external_id, row.get("external_id"))
    addresses = _parse_addresses(row, apps)
    if external_id is None and not addresses:
        raise BadValue(
            "required", "A contact needs an external_id, an email, a phone or another address.", field="external_id"
        )
    attributes, packed = None, b""
    if row.get("attributes") is not None:
        attributes, packed = _at("attributes", parse_packed, row["attributes"])
    return ContactRow(
        index=index,
        external_id=external_id,
        locale=_at("locale", parse_locale, row["locale"]) if "locale" in row else None,
        timezone=_at("timezone", parse_timezone, row["timezone"]) if "timezone" in row else None,
        attributes=attributes,
        packed=packed,
        addresses=addresses,
    )


def _safe(name: str) -> str:
    return name[:100].encode("utf-8", "replace").decode().replace("\0", "")


def _at[T](field: str, parse: Callable[[object], T], value: object) -> T:
    try:
        return parse(value)
    except BadValue as error:
        error.field = field + error.field
        raise


def _parse_external_id(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    text = clean_text(value, name="external_id", limit=255)
    if not text.strip():
        raise BadValue("required", "external_id can't be empty; leave it out for a contact without one.")
    return text


def _parse_addresses(row: Mapping[str, Any], apps: Mapping[str, int]) -> tuple[AddressRow, ...]:
    """The short forms first; an address given twice counts once, as it was said last."""
    found: dict[AddressKey, AddressRow] = {}
    if row.get("email") is not None:
        email = ("email", None, _at("email", parse_email, row["email"]))
        found[email] = AddressRow(email)
    if row.get("phone") is not None:
        phone = ("sms", None, _at("phone", parse_phone, row["phone"]))
        found[phone] = AddressRow(phone)
    listed = row.get("addresses")
    if listed is None:
        return tuple(found.values())
    if not isinstance(listed, list):
        raise BadValue("wrong_type", "addresses must be an array.", field="addresses")
    if len(listed) > MAX_ADDRESSES:
        raise BadValue(
            "too_many", f"A contact has at most {MAX_ADDRESSES} addresses; this has {len(listed)}.", field="addresses"
        )
    for place, given in enumerate(listed):
        try:
            address = _parse_address(given, apps)
        except BadValue as error:
            error.field = f"addresses[{place}]{error.field}"
            raise
        found[address.key] = address
    return tuple(found.values())


def _parse_address(given: object, apps: Mapping[str, int]) -> AddressRow:
    if not isinstance(given, dict):
        raise BadValue("wrong_type", "An address must be an object.")
    if not given.keys() <= ADDRESS_FIELDS:
        unknown = min(map(str, given.keys() - ADDRESS_FIELDS))
        raise BadValue("unknown_field", f"An address has no field {shown(unknown)}.", field="." + _safe(unknown))
    field = ".type"
    try:
        kind = _parse_type(given.get("type"))
        field = ".app_id"
        app = _parse_app(kind, apps, given.get("app_id"))
        field = ".value"
        key = kind, app, parse_address(kind, given.get("value"))
        if len(given) == _PLAIN_FIELDS[app is None]:
            return AddressRow(key)
        field = ".platform"
        platform = _parse_platform(given.get("platform"))
        field = ".consent"
        consent = _parse_consent(given.get("consent"))
        field = ".consent_source"
        source = _parse_source(given.get("consent_source"))
        field = ".consent_at"
        return AddressRow(key, platform, consent, source, parse_moment(given.get("consent_at")))
    except BadValue as error:
        error.field = field + error.field
        raise


def _parse_type(value: object) -> str:
    if isinstance(value, str) and value in _TYPES:
        return value
    try:
        return parse_type(clean_text(value, name="type", limit=20)).value
    except BadValue:
        raise
    except ValueError:
        known = ", ".join(Type.values)
        raise BadValue("unknown_choice", f"{shown(value)} is no type of address; the types are {known}.") from None


def _parse_app(kind: str, apps: Mapping[str, int], value: object) -> int | None:
    if kind not in APP_TYPES:
        if value is not None:
            raise BadValue("not_allowed", f"An address of type {kind} belongs to no app; leave app_id out.")
        return None
    if value is None:
        raise BadValue("required", f"An address of type {kind} needs the app_id of its app.")
    app_id = clean_text(value, name="app_id", limit=100)
    if app_id not in apps:
        raise BadValue("not_found", f"This workspace has no app {shown(app_id)}.")
    return apps[app_id]


def _parse_platform(value: object) -> str:
    return "" if value is None else clean_text(value, name="platform", limit=20).strip().lower()


def _parse_source(value: object) -> str:
    return "" if value is None else clean_text(value, name="consent_source", limit=100).strip()


def _parse_consent(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and value in ("subscribed", "unsubscribed"):
        return value
    raise BadValue("unknown_choice", f"{shown(value)} is no consent; it is subscribed or unsubscribed.")


def parse_moment(value: object, *, name: str = "consent_at") -> datetime | None:
    """RFC 3339 with an offset, as UTC."""
    if value is None:
        return None
    text = clean_text(value, name=name, limit=40)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise BadValue("invalid_time", f"{shown(text)} has no offset; end it with Z or like +02:00.")
        return moment.astimezone(UTC)
    except BadValue:
        raise
    except (ValueError, OverflowError):
        raise BadValue("invalid_time", f"{shown(text)} is not a time like 2026-01-05T09:00:00Z.") from None
