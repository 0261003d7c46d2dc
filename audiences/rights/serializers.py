"""Shapes of the wire: how consents changed."""

from typing import Any

from rest_framework import serializers

from audiences.models import Consent
from audiences.rights.models import Way
from audiences.serializers import AddressRead, PageRead
from common.channels import Type
from common.fields import TimeField


class SaidRead(serializers.Serializer[Any]):
    consent = serializers.ChoiceField(Consent.choices)
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    at = TimeField(allow_null=True, help_text="When it was said, as far as that is known.")


class ConsentChangeRead(serializers.Serializer[Any]):
    type = serializers.ChoiceField(Type.choices)
    value = serializers.CharField()
    to = SaidRead()
    way = serializers.ChoiceField(Way.choices, help_text="How we learned of it.")
    recorded_at = TimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is no name that Python allows."""
        return {**super().get_fields(), "from": SaidRead()}


class ConsentPage(PageRead):
    contact_id = serializers.IntegerField()
    addresses = AddressRead(many=True)
    results = ConsentChangeRead(many=True)
