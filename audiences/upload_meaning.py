"""How the header of an upload's file is understood: by what is in it, contacts or suppressions."""

from audiences.csv_columns import Columns
from audiences.file_records import Meaning
from audiences.models import Upload, UploadKind
from audiences.suppression_columns import SuppressionColumns


def meaning_of(upload: Upload) -> Meaning:
    if upload.kind == UploadKind.SUPPRESSIONS:
        return lambda header, mapping: SuppressionColumns.of(header, mapping, upload.fixed)
    return Columns.of
