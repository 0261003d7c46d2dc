"""What an identify says of a person, as a contact that can be written. Pure.

SDKs are on devices of all ages: what can't be used of a person is left out, and harms neither the rest nor the event.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from audiences.address_values import parse_address
from audiences.attributes import parse_attributes
from audiences.bad_value import BadValue
from audiences.events.sdk.message import Message
from audiences.locale_tag import parse_locale, parse_timezone
from common.channels import Type

SUBSCRIBED, UNSUBSCRIBED = "subscribed", "unsubscribed"
_SHORT = {"email": Type.EMAIL.value, "phone": Type.SMS.value}
_GROUP = "group_id"


@dataclass(slots=True)
class Told:
    """`row` is for `upsert_contacts`; it may name nobody. `left_out` says why traits are not kept."""

    row: dict[str, Any]
    unsubscribed: set[str] = field(default_factory=set)
    left_out: BadValue | None = None

    @property
    def names(self) -> dict[str, str]:
        return {name: self.row[name] for name in ("external_id", "email", "phone") if name in self.row}

    @property
    def names_somebody(self) -> bool:
        return bool(self.names)


def told_by(message: Message, *, app_id: str) -> Told:
    """Of an identify or a group. An SDK can unsubscribe, and never subscribe again: its key is public."""
    told = Told({} if message.user_id is None else {"external_id": message.user_id})
    if message.kind == "group":
        if message.group_id is not None:
            told.row["attributes"] = {_GROUP: message.group_id}
        return told
    consents = _consents(message)
    told.unsubscribed = {kind for kind, consent in consents.items() if consent == UNSUBSCRIBED}
    _tell_addresses(told, message.traits)
    _tell_settings(told, message)
    device = _tell_device(told, message, app_id)
    _tell_attributes(told, message.traits, {"device"} if device else set())
    return told


def _usable(kind: str, value: object) -> bool:
    try:
        parse_address(kind, value)
    except BadValue:
        return False
    return True


def _tell_addresses(told: Told, traits: Mapping[str, Any]) -> None:
    told.row |= {name: traits[name] for name, kind in _SHORT.items() if name in traits and _usable(kind, traits[name])}


def _tell_settings(told: Told, message: Message) -> None:
    for name, parse in (("locale", parse_locale), ("timezone", parse_timezone)):
        value = message.traits.get(name) or message.context.get(name)
        try:
            if found := parse(value):
                told.row[name] = found
        except BadValue:
            continue


def _tell_device(told: Told, message: Message, app_id: str) -> bool:
    """Whether a device of the traits became a push address; else one of the context may have."""
    system = _object(message.context, "os")
    for holder in (message.traits, message.context):
        device = _object(holder, "device")
        if _usable(Type.PUSH.value, device.get("token")):
            told.row["addresses"] = [_push_address(app_id, device, system)]
            return holder is message.traits
    return False


def _push_address(app_id: str, device: Mapping[str, Any], system: Mapping[str, Any]) -> dict[str, Any]:
    platform = next((one for one in (device.get("type"), system.get("name")) if isinstance(one, str)), "")
    address = {"type": Type.PUSH.value, "app_id": app_id, "value": device["token"]}
    if platform.isascii() and platform.isprintable() and len(platform) <= 20:
        address["platform"] = platform
    return address


def _tell_attributes(told: Told, traits: Mapping[str, Any], used: Set[str]) -> None:
    """Traits that became addresses, settings or consent are no attributes as well."""
    taken = {*(name for name in _SHORT if name in told.row), "locale", "timezone", "consent", *used}
    attributes = {name: value for name, value in traits.items() if name not in taken}
    if not attributes:
        return
    try:
        told.row["attributes"] = parse_attributes(attributes)
    except BadValue as error:
        error.field = "traits"
        told.left_out = error


def _consents(message: Message) -> dict[str, str]:
    """By type, from `consent` in the traits, else in the context: {"email": false, "push": "unsubscribed"}."""
    given = {**_object(message.context, "consent"), **_object(message.traits, "consent")}
    words = {True: SUBSCRIBED, False: UNSUBSCRIBED, SUBSCRIBED: SUBSCRIBED, UNSUBSCRIBED: UNSUBSCRIBED}
    return {
        kind: words[given[kind]]
        for kind in Type.values
        if isinstance(given.get(kind), bool | str) and given[kind] in words
    }


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}
