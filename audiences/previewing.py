"""The first rows of an upload as they would be read: what its columns mean, and what is wrong with that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from django.utils import timezone

from audiences.bad_value import BadValue
from audiences.contact_rows import parse_row
from audiences.file_records import Meant, open_source, open_table, texts_of
from audiences.files.csv_table import CsvTable, Row
from audiences.files.errors import UnusableFile
from audiences.files.parquet_table import ParquetTable
from audiences.files.suggesting import as_mapping, fingerprint, suggest
from audiences.models import Upload, UploadKind, UploadMapping
from audiences.personalization import FIELD, split_personalization
from audiences.suppression_rows import parse_suppression
from audiences.upload_meaning import meaning_of
from workspaces.models import App

SHOWN_ROWS = 20
SAMPLED_ROWS = 100
_SAMPLED_BYTES = 4 * 1024 * 1024
_SHOWN_SAMPLES = 3
_SHOWN_LENGTH = 200
_SHOWN_DEPTH = 20
# Raises BadValue for a row that would be refused.
Judge = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file of columns. `kinds` are the types that Parquet gives them."""

    names: Sequence[str]
    rows: Sequence[Row]
    delimiter: str = ""
    kinds: Sequence[str] = ()

    @property
    def texts(self) -> list[list[str]]:
        return [texts_of(row.cells) for row in self.rows if row.problem is None]


@dataclass(slots=True)
class Preview:
    """`columns` is empty for NDJSON, whose lines name their fields themselves."""

    mapping: Mapping[str, Any]
    encoding: str
    suggested: Mapping[str, Any] = field(default_factory=dict)
    remembered: bool = False
    delimiter: str = ""
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def sample_file(file: BinaryIO, *, format: str, compression: str, encoding: str) -> Sample:
    """Raises UnusableFile."""
    table = open_table(file, format=format, compression=compression, encoding=encoding)
    if isinstance(table, ParquetTable):
        table.wanted = table.names
    rows: list[Row] = []
    found = table.rows()
    try:
        for row in islice(found, SAMPLED_ROWS):
            rows.append(row)
            if table.weight > _SAMPLED_BYTES:
                break
    except UnusableFile:
        if not rows:
            raise
    finally:
        table.close()
    if isinstance(table, CsvTable):
        return Sample(table.names, rows, table.delimiter)
    return Sample(table.names, rows, kinds=table.kinds)


def mapping_for(workspace_id: int, sample: Sample) -> tuple[dict[str, Any], bool]:
    """What this header meant last time in the workspace, and True; else what is suggested, and False."""
    known = UploadMapping.objects.filter(workspace_id=workspace_id, fingerprint=fingerprint(sample.names)).first()
    if known is not None:
        return known.mapping, True
    return as_mapping(suggest(sample.names, sample.texts, typed=bool(sample.kinds))), False


def preview_upload(upload: Upload, *, mapping: Mapping[str, Any], encoding: str) -> Preview:
    """With another mapping or encoding than the upload's, to try them; targets are checked by the caller."""
    preview = Preview(mapping, encoding)
    judge = _judge_of(upload)
    try:
        with Path(upload.file.path).open("rb") as file:
            if upload.format == "ndjson":
                _preview_lines(preview, upload, file, encoding, judge)
            else:
                _preview_table(preview, upload, file, encoding, judge)
    except UnusableFile as error:
        preview.errors.append(str(error))
    except OSError as error:
        preview.errors.append(f"The file can't be read: {error.strerror or error}.")
    return preview


def _judge_of(upload: Upload) -> Judge:
    if upload.kind == UploadKind.SUPPRESSIONS:
        now = timezone.now()
        return lambda row: parse_suppression({**upload.fixed, **row} if isinstance(row, dict) else row, now=now)
    apps = dict(App.objects.filter(workspace_id=upload.workspace_id).values_list("app_id", "pk"))
    return lambda row: parse_row(0, _said_to_all(row), apps)


def _said_to_all(row: Any) -> Any:
    return split_personalization(row)[0] if isinstance(row, dict) and FIELD in row else row


def _preview_lines(preview: Preview, upload: Upload, file: BinaryIO, encoding: str, judge: Judge) -> None:
    source = open_source(
        file, format=upload.format, compression=upload.compression, encoding=encoding, mapping=upload.mapping
    )
    for record in islice(source.records(), SHOWN_ROWS):
        preview.rows.append(_judged(record.line, record.row, record.problem, judge))


def _preview_table(preview: Preview, upload: Upload, file: BinaryIO, encoding: str, judge: Judge) -> None:
    sample = sample_file(file, format=upload.format, compression=upload.compression, encoding=encoding)
    if upload.kind == UploadKind.CONTACTS:
        preview.suggested, preview.remembered = mapping_for(upload.workspace_id, sample)
    preview.delimiter = sample.delimiter
    preview.columns = _columns(sample, preview)
    columns = meaning_of(upload)(sample.names, preview.mapping)
    read = columns.read_values if sample.kinds else columns.read
    for line, cells, problem in sample.rows[:SHOWN_ROWS]:
        row: Any = None
        if problem is None:
            try:
                row = read(cells).row
            except BadValue as error:
                problem = error
        preview.rows.append(_judged(line, row, problem, judge, columns))


def _columns(sample: Sample, preview: Preview) -> list[dict[str, Any]]:
    texts = sample.texts
    found = []
    for place, name in enumerate(sample.names):
        values = [row[place][:_SHOWN_LENGTH] for row in texts if place < len(row) and row[place].strip()]
        found.append(
            {
                "name": name,
                "target": preview.mapping.get(name),
                "suggested": preview.suggested.get(name),
                "type_in_file": sample.kinds[place] if sample.kinds else None,
                "samples": list(dict.fromkeys(values))[:_SHOWN_SAMPLES],
            }
        )
    return found


def _judged(
    line: int, row: Any, problem: BadValue | None, judge: Judge, columns: Meant | None = None
) -> dict[str, Any]:
    if problem is None:
        try:
            judge(row)
        except BadValue as error:
            problem = error
    return {"line": line, "row": _shortened(row), "problem": _problem(problem, columns)}


def _problem(problem: BadValue | None, columns: Meant | None) -> dict[str, str] | None:
    if problem is None:
        return None
    field = columns.column_of(problem.field, ()) if columns else problem.field
    return {"code": problem.code, "field": field, "message": problem.message}


def _shortened(value: Any, depth: int = 0) -> Any:
    """Neither longer nor deeper than an answer can be."""
    if isinstance(value, str) and len(value) > _SHOWN_LENGTH:
        return value[:_SHOWN_LENGTH] + "…"
    if isinstance(value, dict | list) and depth >= _SHOWN_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {name: _shortened(one, depth + 1) for name, one in value.items()}
    return [_shortened(one, depth + 1) for one in value] if isinstance(value, list) else value
