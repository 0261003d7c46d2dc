"""Shapes of the wire. What may be in a contact is judged row by row in `audiences.contact_rows`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audiences.lists import DESCRIPTION_LENGTH, MEMBERS_PER_CALL, NAME_LENGTH
from audiences.models import AddressState, Consent
from audiences.suppressions import MAX_ROWS as MAX_SUPPRESSIONS
from audiences.upsert import MAX_ROWS
from common.channels import ALIASES, Type
from common.fields import IdField, ItemsField, TextField, TimeField, WordField
from common.serializers import StrictSerializer

_ALIASES = {word: type.value for word, type in ALIASES.items()}
_LISTS_PER_CALL = 100
LIST_STATES = [("open", "Open"), ("archived", "Archived")]


class AddressItem(serializers.Serializer[Any]):
    type = serializers.ChoiceField(Type.choices)
    app_id = serializers.CharField(required=False, help_text="push and webpush only: the app it belongs to.")
    value = serializers.CharField(help_text="Email, phone number with country code, token or URL.")
    platform = serializers.CharField(required=False)
    consent = serializers.ChoiceField(Consent.choices, required=False)
    consent_source = serializers.CharField(required=False)
    consent_at = serializers.DateTimeField(required=False)


class ContactItem(serializers.Serializer[Any]):
    external_id = serializers.CharField(required=False)
    email = serializers.CharField(required=False)
    phone = serializers.CharField(required=False)
    locale = serializers.CharField(required=False, allow_null=True)
    timezone = serializers.CharField(required=False, allow_null=True)
    attributes = serializers.DictField(required=False, help_text="null deletes an attribute.")
    addresses = AddressItem(many=True, required=False)


@extend_schema_field(ContactItem(many=True))
class ContactsField(ItemsField):
    """Kept as they are: one bad contact must not refuse the others."""


class ContactsWrite(StrictSerializer):
    contacts = ContactsField(max_length=MAX_ROWS, allow_empty=False, help_text=f"Up to {MAX_ROWS}.")
    list_ids = ItemsField(
        child=IdField(), required=False, max_length=_LISTS_PER_CALL, help_text="Put everyone accepted in these lists."
    )
    attributes_mode = WordField(
        [("merge", "Keep what is not named"), ("replace", "Forget what is not named")], required=False
    )


class ContactQuery(StrictSerializer):
    external_id = TextField(required=False, max_length=255)
    email = TextField(required=False, max_length=320)
    list_id = IdField(required=False, help_text="Members of this list.")


class RejectionRead(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class UpsertAnswer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    received = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectionRead(many=True)


class AddressRead(serializers.Serializer[Any]):
    address_id = serializers.IntegerField()
    type = serializers.ChoiceField(Type.choices)
    app_id = serializers.CharField(allow_null=True)
    value = serializers.CharField()
    platform = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(AddressState.choices)
    consent = serializers.ChoiceField(Consent.choices)
    consent_source = serializers.CharField(allow_null=True)
    consent_at = TimeField(allow_null=True)


class ContactRead(serializers.Serializer[Any]):
    contact_id = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    locale = serializers.CharField(allow_null=True)
    timezone = serializers.CharField(allow_null=True)
    attributes = serializers.DictField()
    addresses = AddressRead(many=True)
    temporary = serializers.BooleanField()
    created_at = TimeField()
    updated_at = TimeField()
    url = serializers.CharField()


class PageRead(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class ContactPage(PageRead):
    results = ContactRead(many=True)


class CreatedByRead(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["user", "api_key", "system"])
    name = serializers.CharField()


class ListWrite(StrictSerializer):
    name = TextField(help_text=f"At most {NAME_LENGTH} characters.")
    description = TextField(required=False, allow_blank=True, help_text=f"At most {DESCRIPTION_LENGTH} characters.")


class ListChange(ListWrite):
    name = TextField(required=False)


class ListQuery(StrictSerializer):
    q = TextField(required=False, max_length=100, help_text="Part of the name.")
    state = WordField(LIST_STATES, required=False)


class MembersWrite(StrictSerializer):
    contact_ids = ItemsField(child=IdField(), required=False, max_length=MEMBERS_PER_CALL)
    external_ids = ItemsField(child=TextField(max_length=255), required=False, max_length=MEMBERS_PER_CALL)


class ListRead(serializers.Serializer[Any]):
    list_id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(LIST_STATES)
    created_at = TimeField()
    created_by = CreatedByRead()
    url = serializers.CharField()


class ListReadOne(ListRead):
    size = serializers.IntegerField()


class ListAnswer(ListRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class ListPage(PageRead):
    results = ListRead(many=True)


class MissingRead(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    value = serializers.CharField()


class MembersAnswer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
    list_id = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = MissingRead(many=True)


class SuppressionItem(serializers.Serializer[Any]):
    type = serializers.ChoiceField(Type.choices)
    value = serializers.CharField()
    reason = serializers.CharField(
        required=False,
        help_text="bounce, complaint, unsubscribed or manual, which it is unless told otherwise; what others call"
        " these (hard_bounce, spam, opt-out …) is understood, and any other word is kept.",
    )
    source = serializers.CharField(required=False)  # type: ignore[assignment]
    created_at = serializers.DateTimeField(required=False, help_text="When it was suppressed first; now, if not said.")


@extend_schema_field(SuppressionItem(many=True))
class SuppressionsField(ItemsField):
    """Kept as they are: one bad suppression must not refuse the others."""


class SuppressionsWrite(StrictSerializer):
    suppressions = SuppressionsField(max_length=MAX_SUPPRESSIONS, allow_empty=False)


class SuppressionQuery(StrictSerializer):
    type = WordField(Type.choices, required=False, aliases=_ALIASES)
    value = TextField(required=False, max_length=2000)
    reason = TextField(required=False, max_length=40)
    source = TextField(required=False, max_length=200)  # type: ignore[assignment]


class ReasonRead(serializers.Serializer[Any]):
    reason = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    created_at = TimeField()


class SuppressionRead(serializers.Serializer[Any]):
    suppression_id = serializers.IntegerField()
    type = serializers.ChoiceField(Type.choices)
    value = serializers.CharField()
    reason = serializers.CharField(
        help_text="The strongest: erased, then complaint, then bounce, manual and other words in the order of coming,"
        " then unsubscribed."
    )
    source = serializers.CharField()  # type: ignore[assignment]
    created_at = TimeField()
    other_reasons = ReasonRead(many=True, help_text="The weaker ones.")
    url = serializers.CharField()


class SuppressionPage(PageRead):
    results = SuppressionRead(many=True)


class SuppressAnswer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    received = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField(
        help_text="Those that got a reason which they did not have, or a later time of unsubscribing."
    )
    unchanged = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectionRead(many=True)
