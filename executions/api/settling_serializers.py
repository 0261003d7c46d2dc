"""Shapes of the wire: retrying, settling by hand, batches that were set aside."""

from typing import Any

from rest_framework import serializers

from common.errors import FieldError
from common.fields import FlagField, ItemsField, TextField, WordField
from common.serializers import Reading, StrictSerializer
from executions.api.serializers import ExecutionMoved
from executions.launching.retrying import RETRIABLE
from executions.reading.batches import STATES
from executions.settling.unknowns import MOST_IDS, NOTE_LENGTH, NOTHING_SETTLED, OUTCOMES


class RetryBody(StrictSerializer):
    include = ItemsField(
        child=WordField(RETRIABLE),
        required=False,
        allow_empty=False,
        help_text="Which outcomes are tried again; only failed, unless told otherwise.",
    )


class Retried(ExecutionMoved):
    """The retry, which the path's execution names as `retried_by`."""


class SettleBody(StrictSerializer):
    outcome = WordField(OUTCOMES, help_text="What became of them, as somebody has found out.")
    delivery_ids = ItemsField(child=TextField(max_length=60), required=False, allow_empty=False, max_length=MOST_IDS)
    all = FlagField(required=False, help_text="Every delivery of the execution that is unknown now.")
    note = TextField(required=False, allow_blank=True, max_length=NOTE_LENGTH, help_text="How it was found out.")


class DeliveriesSettled(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()
    execution_id = serializers.IntegerField()
    outcome = serializers.ChoiceField(OUTCOMES)
    settled = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Named, and had that outcome before.")
    unknown = serializers.IntegerField(help_text="Still unknown.")


class BatchQuery(StrictSerializer):
    state = WordField(list(STATES), required=False)


class BatchRecipient(serializers.Serializer[Any]):
    external_id = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)


class BatchCrashRead(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    host = serializers.CharField(allow_null=True)
    marked = serializers.IntegerField(help_text="How many of those left were marked to be sent: the first of them.")
    message = serializers.CharField(allow_null=True, help_text="What the worker said last, if it could.")


class BatchRead(serializers.Serializer[Any]):
    batch_id = serializers.IntegerField()
    execution_id = serializers.IntegerField()
    state = serializers.ChoiceField(list(STATES))
    reason = serializers.CharField(help_text="Why it was made or waits: ready, retry, throttled, frequency_cap, …")
    size = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Recipients without a row in the ledger.")
    recipients = BatchRecipient(many=True, help_text="The first of those left, where it is quarantined.")
    attempt = serializers.IntegerField()
    not_before = serializers.DateTimeField()
    crashes = serializers.IntegerField(help_text="In a row, without anything done between them.")
    last_crash = BatchCrashRead(allow_null=True)


class BatchPage(serializers.Serializer[Any]):
    results = BatchRead(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class BatchMoved(BatchRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


def settle_fields(reading: Reading) -> dict[str, Any]:
    """Raises Invalid unless either ids are named, or all."""
    ids, everything = reading.values.get("delivery_ids"), reading.values.get("all", False)
    errors = []
    if bool(ids) == everything and not any(error.field.startswith(("delivery_ids", "all")) for error in reading.errors):
        message = "Name the deliveries, or say all: one of the two."
        hint = 'For example {"outcome": "sent", "all": true}.'
        errors.append(FieldError("delivery_ids", "required", message, hint=hint))
    reading.refuse_with(errors, detail=NOTHING_SETTLED)
    return {
        "outcome": reading.values["outcome"],
        "delivery_ids": None if everything else ids,
        "note": reading.values.get("note", ""),
    }
