"""One contact as callers and files give it, parsed and judged. Pure: knows no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from audiences.address_values import parse_address
from audiences.attributes import Attributes, parse_attributes
from audiences.bad_value import BadValue, clean_text, shown
from audiences.locale_tag import parse_locale, parse_timezone
from common.channels import APP_TYPES, Type, parse_type

MAX_ADDRESSES = 100
FIELDS = frozenset({"external_id", "email", "phone", "locale", "timezone", "attributes", "addresses"})
ADDRESS_FIELDS = frozenset({"type", "app_id", "value", "platform", "consent", "consent_source", "consent_at"})

# (type, the app's primary key or None, value)
AddressKey = tuple[str, int | None, str]


@dataclass(frozen=True, slots=True)
class AddressRow:
    """`consent` None: not said. `platform` empty: not said."""

    key: AddressKey
    platform: str = ""
    consent: str | None = None
    consent_source: str = ""
    consent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContactRow:
    """`locale`, `timezone`, `attributes` None: not said, so left as they are."""

    index: int
    external_id: str | None
    locale: str | None
    timezone: str | None
    attributes: Attributes | None
    addresses: tuple[AddressRow, ...]

    @property
    def identifying(self) -> AddressKey:
        """The address that names the person of a row without external_id: email, then phone, then token."""
        return min((address.key for address in self.addresses), key=lambda key: _IDENTIFY_ORDER[key[0]])


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
    return ContactRow(
        index=index,
        external_id=external_id,
        locale=_at("locale", parse_locale, row["locale"]) if "locale" in row else None,
        timezone=_at("timezone", parse_timezone, row["timezone"]) if "timezone" in row else None,
        attributes=_at("attributes", parse_attributes, row["attributes"])
        if row.get("attributes") is not None
        else None,
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
    for short, kind in (("email", Type.EMAIL.value), ("phone", Type.SMS.value)):
        if row.get(short) is not None:
            value = _at(short, partial(parse_address, kind), row[short])
            found[(kind, None, value)] = AddressRow(key=(kind, None, value))
    listed = [] if row.get("addresses") is None else row["addresses"]
    if not isinstance(listed, list):
        raise BadValue("wrong_type", "addresses must be an array.", field="addresses")
    if len(listed) > MAX_ADDRESSES:
        raise BadValue(
            "too_many", f"A contact has at most {MAX_ADDRESSES} addresses; this has {len(listed)}.", field="addresses"
        )
    for place, given in enumerate(listed):
        address = _at(f"addresses[{place}]", partial(_parse_address, apps), given)
        found[address.key] = address
    return tuple(found.values())


def _parse_address(apps: Mapping[str, int], given: object) -> AddressRow:
    if not isinstance(given, dict):
        raise BadValue("wrong_type", "An address must be an object.")
    if not given.keys() <= ADDRESS_FIELDS:
        unknown = min(map(str, given.keys() - ADDRESS_FIELDS))
        raise BadValue("unknown_field", f"An address has no field {shown(unknown)}.", field="." + _safe(unknown))
    kind = _at(".type", _parse_type, given.get("type"))
    app = _at(".app_id", partial(_parse_app, kind, apps), given.get("app_id"))
    value = _at(".value", partial(parse_address, kind), given.get("value"))
    return AddressRow(
        key=(kind, app, value),
        platform=_at(".platform", _parse_platform, given.get("platform")),
        consent=_at(".consent", _parse_consent, given.get("consent")),
        consent_source=_at(".consent_source", _parse_source, given.get("consent_source")),
        consent_at=_at(".consent_at", parse_moment, given.get("consent_at")),
    )


def _parse_type(value: object) -> str:
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
