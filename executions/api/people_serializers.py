"""Shapes of the wire: a person who is erased or exported."""

from typing import Any

from rest_framework import serializers

from audiences.address_values import parse_address
from audiences.bad_value import BadValue
from audiences.rights.erasing import Subject
from audiences.rights.models import Erasure
from audiences.serializers import ContactRead
from common.channels import ALIASES, Type
from common.errors import FieldError, Invalid
from common.fields import TextField, TimeField, WordField
from common.serializers import Reading, StrictSerializer

_ALIASES = {word: type.value for word, type in ALIASES.items()}
_NAMES = ("external_id", "email", "phone", "value")
NOTHING_ERASED = "Nothing was erased."


class EraseBody(StrictSerializer):
    """One of `external_id`, `email`, `phone`, or `type` with `value`."""

    external_id = TextField(required=False, max_length=255)
    email = TextField(required=False, max_length=320)
    phone = TextField(required=False, max_length=50)
    type = WordField(Type.choices, required=False, aliases=_ALIASES, help_text="With `value`: any type of address.")
    value = TextField(required=False, max_length=2000)


class Erased(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
    erasure_id = serializers.IntegerField()
    erased_at = TimeField()
    contact_ids = serializers.ListField(child=serializers.IntegerField())
    addresses = serializers.IntegerField(help_text="How many are kept as a hash.")
    events = serializers.IntegerField(help_text="How many were deleted.")


class PersonExport(serializers.Serializer[Any]):
    contact = ContactRead()
    lists = serializers.ListField(child=serializers.DictField())
    uploads = serializers.ListField(child=serializers.DictField())
    anonymous_ids = serializers.ListField(child=serializers.DictField())
    consent_changes = serializers.ListField(child=serializers.DictField())
    suppressions = serializers.ListField(child=serializers.DictField())
    events = serializers.ListField(child=serializers.DictField())
    deliveries = serializers.ListField(child=serializers.DictField())
    receipts = serializers.ListField(child=serializers.DictField())
    personalization = serializers.ListField(child=serializers.DictField())
    frequency_uses = serializers.ListField(child=serializers.DictField())


def subject_of(reading: Reading) -> Subject:
    """Raises `Invalid` unless exactly one person or address is named."""
    given = {name: reading.values[name] for name in _NAMES if name in reading.values}
    reading.refuse_with([] if reading.errors else _shape_errors(given, reading.values), detail=NOTHING_ERASED)
    [(name, value)] = given.items()
    if name == "external_id":
        return Subject(external_id=value)
    kind = {"email": Type.EMAIL.value, "phone": Type.SMS.value}.get(name) or str(reading.values["type"])
    try:
        return Subject(address=(kind, parse_address(kind, value)))
    except BadValue as error:
        raise Invalid([FieldError(name, error.code, error.message)], detail=NOTHING_ERASED) from None


def _shape_errors(given: dict[str, Any], values: dict[str, Any]) -> list[FieldError]:
    if len(given) != 1:
        hint = "Send external_id, email or phone; or type and value."
        return [FieldError("external_id", "required", "Name one person, by one thing.", hint=hint)]
    if ("value" in given) != ("type" in values):
        return [FieldError("type", "required", "type and value name an address together.")]
    return []


def erased_wire(erasure: Erasure) -> dict[str, Any]:
    return {
        "status": "success",
        "message": "Erased",
        "erasure_id": erasure.pk,
        "erased_at": erasure.created_at,
        "contact_ids": erasure.contact_ids,
        "addresses": erasure.addresses,
        "events": erasure.events,
    }
