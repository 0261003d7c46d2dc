"""Shapes of uploads on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audiences.files.cell_types import DECIMALS, ORDERS, TYPES
from audiences.files.streams import ENCODINGS
from audiences.models import UploadKind, UploadState
from audiences.serializers import CreatedByRead, PageRead
from audiences.upload_judging import NAME_LENGTH
from common.fields import FlagField, IdField, ObjectField, TextField, TimeField, WordField
from common.serializers import StrictSerializer

UPLOAD_FORMATS = [("csv", "CSV"), ("ndjson", "NDJSON"), ("parquet", "Parquet")]
_TARGET: dict[str, Any] = {
    "oneOf": [
        {"type": "string", "description": "A field of the contact; empty leaves the column out."},
        {
            "type": "object",
            "required": ["field"],
            "additionalProperties": False,
            "properties": {
                "field": {"type": "string", "examples": ["attributes.age"]},
                "type": {"enum": list(TYPES)},
                "decimal": {"enum": list(DECIMALS), "description": "Of a number."},
                "order": {"enum": list(ORDERS), "description": "Of a date that is not in ISO 8601."},
                "separator": {"type": "string", "maxLength": 5, "description": "Of a list; | unless told otherwise."},
            },
        },
    ]
}
_MAPPING: dict[str, Any] = {"type": "object", "additionalProperties": _TARGET}


@extend_schema_field(_MAPPING)
class MappingField(ObjectField):
    """Column to target; the service judges the targets."""


@extend_schema_field(_MAPPING)
class MappingRead(serializers.DictField):
    pass


class UploadWrite(StrictSerializer):
    """What is sent beside the file."""

    name = TextField(required=False, allow_blank=True, help_text=f"At most {NAME_LENGTH} characters.")
    format = WordField(UPLOAD_FORMATS, required=False)
    encoding = TextField(required=False, help_text=f"{', '.join(ENCODINGS)}; utf-8, or told from the file.")
    mapping = MappingField(
        required=False, help_text="Column to field, or to an object with field and type; an empty field leaves it out."
    )
    list_id = IdField(required=False, help_text="Put everyone in this list.")
    keep = FlagField(required=False, help_text="false: people who are new are temporary.")
    start = FlagField(required=False, help_text="false: wait in the state mapping, to be looked at and started.")
    force = FlagField(required=False, help_text="true: import it again where the same was imported already.")


class SuppressionFileWrite(StrictSerializer):
    """What is sent beside a file of suppressions."""

    name = TextField(required=False, allow_blank=True, help_text=f"At most {NAME_LENGTH} characters.")
    format = WordField(UPLOAD_FORMATS, required=False)
    encoding = TextField(required=False, help_text=f"{', '.join(ENCODINGS)}; utf-8, or told from the file.")
    mapping = ObjectField(
        child=TextField(allow_blank=True),
        required=False,
        help_text="Column to type, value, reason, source or created_at; an empty field leaves it out.",
    )
    type = TextField(required=False, max_length=20, help_text="Of every line, where no column is mapped to it.")
    reason = TextField(required=False, max_length=40, help_text="Of every line, where no column is mapped to it.")
    source = TextField(required=False, max_length=200, help_text="As reason.")  # type: ignore[assignment]
    force = FlagField(required=False, help_text="true: import it again where the same was imported already.")


class SuppressionFileForm(SuppressionFileWrite):
    """For the API's description only: the form as it is sent."""

    file = serializers.FileField()


class UploadForm(UploadWrite):
    """For the API's description only: the form as it is sent."""

    file = serializers.FileField()


class UploadChange(StrictSerializer):
    name = TextField(required=False, min_length=1, help_text=f"At most {NAME_LENGTH} characters.")
    encoding = TextField(required=False, help_text=f"One of {', '.join(ENCODINGS)}.")
    mapping = MappingField(required=False, help_text="In whole: columns that it does not name go by their names.")
    list_id = IdField(required=False, allow_null=True)
    keep = FlagField(required=False)


class UploadStart(StrictSerializer):
    force = FlagField(required=False, help_text="true: import it again where the same was imported already.")


class UploadTrial(StrictSerializer):
    mapping = MappingField(required=False, help_text="That of the upload, if left out.")
    encoding = TextField(required=False)


class UploadQuery(StrictSerializer):
    kind = WordField(UploadKind.choices, required=False)
    state = WordField(UploadState.choices, required=False)


class UploadRead(serializers.Serializer[Any]):
    upload_id = serializers.IntegerField()
    kind = serializers.ChoiceField(UploadKind.choices, help_text="What is in the file.")
    name = serializers.CharField()
    format = serializers.ChoiceField(UPLOAD_FORMATS)
    compression = serializers.ChoiceField(["gzip"], allow_null=True)
    encoding = serializers.ChoiceField(ENCODINGS)
    sha256 = serializers.CharField(allow_null=True, help_text="Of the file as it was sent.")
    state = serializers.ChoiceField(UploadState.choices)
    error = serializers.CharField(allow_null=True)
    list_id = serializers.IntegerField(allow_null=True)
    keep = serializers.BooleanField()
    mapping = MappingRead()
    progress = serializers.FloatField()
    rate_per_second = serializers.FloatField(help_text="Rows a second, of late; on the whole when it is finished.")
    eta_seconds = serializers.IntegerField(allow_null=True)
    bytes_total = serializers.IntegerField()
    bytes_read = serializers.IntegerField()
    rows_read = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Rows about somebody whom an earlier row was about.")
    personalized = serializers.BooleanField(help_text="Rows said something to their person alone.")
    rejected_count = serializers.IntegerField()
    rejected_in_file = serializers.IntegerField(help_text="How many of them the file to download has.")
    rejected_url = serializers.CharField(allow_null=True)
    actions = serializers.ListField(child=serializers.ChoiceField(["start", "cancel"]))
    created_by = CreatedByRead()
    created_at = TimeField()
    started_at = TimeField(allow_null=True)
    finished_at = TimeField(allow_null=True)
    expires_at = TimeField(allow_null=True, help_text="When the file, and who is not kept, is deleted.")
    purged_at = TimeField(allow_null=True)
    url = serializers.CharField()
    preview_url = serializers.CharField()


class UploadAnswer(UploadRead):
    status = serializers.ChoiceField(["success"])
    message = serializers.CharField()


class UploadCreated(UploadAnswer):
    repeated = serializers.BooleanField(help_text="true: the same file is there already, as this upload.")


class UploadPage(PageRead):
    results = UploadRead(many=True)


class ColumnRead(serializers.Serializer[Any]):
    name = serializers.CharField()
    target = serializers.JSONField(allow_null=True, help_text="In the mapping; null: told from the name.")
    suggested = serializers.JSONField(allow_null=True)
    type_in_file = serializers.CharField(allow_null=True, help_text="Of Parquet.")
    samples = serializers.ListField(child=serializers.CharField())


class ProblemOfRow(serializers.Serializer[Any]):
    code = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()


class PreviewRow(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    row = serializers.DictField(allow_null=True, help_text="The contact as it would be read; long texts are cut.")
    problem = ProblemOfRow(allow_null=True)


class PreviewRead(serializers.Serializer[Any]):
    upload_id = serializers.IntegerField()
    state = serializers.ChoiceField(UploadState.choices)
    format = serializers.ChoiceField(UPLOAD_FORMATS)
    compression = serializers.ChoiceField(["gzip"], allow_null=True)
    encoding = serializers.ChoiceField(ENCODINGS)
    delimiter = serializers.CharField(allow_null=True)
    columns = ColumnRead(many=True)
    mapping = MappingRead()
    suggested_mapping = MappingRead()
    remembered = serializers.BooleanField(help_text="The suggestion is what this header meant last time.")
    rows = PreviewRow(many=True)
    errors = serializers.ListField(child=serializers.CharField(), help_text="What keeps it from being started.")  # type: ignore[assignment]
