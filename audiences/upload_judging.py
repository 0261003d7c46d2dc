"""What is wrong with a file before anything of it is imported, and what its columns mean unless somebody says so."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import orjson
from django.conf import settings

from audiences.bad_value import BadValue, check_unicode, shown
from audiences.file_records import open_source
from audiences.files.encodings import encoding_of, guess_encoding
from audiences.files.errors import UnusableFile
from audiences.files.formats import recognise
from audiences.files.streams import ENCODINGS
from audiences.files.suggesting import suggest
from audiences.files.targets import HINT, parse_target
from audiences.previewing import mapping_for, sample_file
from audiences.selectors import list_errors
from common.errors import FieldError, Invalid, TooLarge

NAME_LENGTH = 200
MAPPED_COLUMNS = 1_000
NOTHING_UPLOADED = "Nothing was uploaded."
_LEGACY_HINT = "If it is in Western European letters, send encoding=windows-1252; else save it as UTF-8."


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    format: str
    compression: str
    encoding: str


def refuse_large(size: int) -> None:
    limit = settings.UPLOAD_MAX_BYTES
    if size > limit:
        raise TooLarge(f"A file has at most {limit:,} bytes; this has {size:,}. Split it and upload the parts.")


def mapping_errors(mapping: Mapping[str, Any]) -> Iterator[FieldError]:
    if len(mapping) > MAPPED_COLUMNS:
        message = f"A mapping has at most {MAPPED_COLUMNS:,} columns; this has {len(mapping):,}."
        yield FieldError("mapping", "too_many", message, len(mapping), MAPPED_COLUMNS)
        return
    for column, target in mapping.items():
        if "\0" in column:
            yield FieldError("mapping", "invalid", "The name of a column can't contain a NUL character.")
            continue
        try:
            check_unicode(column, name="The name")
            parse_target(target)
        except BadValue as error:
            message = f"The column {shown(column)}: {error.message}"
            field = f"mapping.{column}"[:200].encode("utf-8", "replace").decode()
            yield FieldError(field, error.code, message, str(target)[:200], hint=HINT)


def naming_errors(workspace_id: int, name: str, list_id: int | None) -> list[FieldError]:
    errors = []
    if len(name) > NAME_LENGTH:
        message = f"An upload's name has at most {NAME_LENGTH} characters; this has {len(name)}."
        errors.append(FieldError("name", "too_long", message, name, NAME_LENGTH, "Shorten it."))
    if "\0" in name:
        errors.append(FieldError("name", "invalid", "Text can't contain a NUL character."))
    if list_id is not None:
        errors += list_errors(workspace_id=workspace_id, list_ids=[list_id], field="list_id")
    return errors


def encoding_errors(name: str | None) -> Iterator[FieldError]:
    if name is not None and encoding_of(name) not in ENCODINGS:
        hint = f"One of: {', '.join(ENCODINGS)}."
        yield FieldError(
            "encoding", "unknown_choice", f"{shown(name)} is no encoding that is read here.", name[:60], hint=hint
        )


def recognised(file: BinaryIO, format: str | None, encoding: str | None, *, guess: bool) -> Reading:
    """`format` is what name or caller said. With `guess` an encoding that is not said may be told from the letters.

    Raises `Invalid`.
    """
    try:
        format, compression = recognise(file, format)
        guessed = "utf-8" if format == "parquet" else guess_encoding(file, compression=compression)
    except UnusableFile as error:
        raise _invalid(FieldError("file", "unusable_file", str(error))) from None
    if format is None:
        hint = "Send format=csv, ndjson or parquet, or a file name that ends in .csv, .ndjson, .parquet, .csv.gz …"
        raise _invalid(FieldError("format", "required", "The format can't be told from the name.", hint=hint))
    if encoding is None and guessed == "windows-1252" and not guess:
        # Read by a guess, names would be wrong in silence; who maps by hand sees the guess and what comes of it.
        raise _invalid(FieldError("file", "unusable_file", "The file is not in UTF-8.", hint=_LEGACY_HINT))
    return Reading(format, compression, guessed if encoding is None else encoding_of(encoding))


def read_header(file: BinaryIO, reading: Reading, mapping: Mapping[str, Any]) -> list[str]:
    """Raises `Invalid` for a file that can't be imported so, with a mapping that would do where there is one."""
    try:
        source = open_source(
            file, format=reading.format, compression=reading.compression, encoding=reading.encoding, mapping=mapping
        )
        return list(source.header)
    except UnusableFile as error:
        hint = _suggestion(file, reading)
        raise _invalid(FieldError("file", "unusable_file", str(error), hint=hint)) from None


def first_mapping(workspace_id: int, file: BinaryIO, reading: Reading) -> dict[str, Any]:
    """What a header like this meant last time, or what is suggested. Raises `Invalid`."""
    if reading.format == "ndjson":
        return {}
    try:
        return mapping_for(workspace_id, sample_file(file, **asdict(reading)))[0]
    except UnusableFile as error:
        raise _invalid(FieldError("file", "unusable_file", str(error))) from None


def _suggestion(file: BinaryIO, reading: Reading) -> str | None:
    if reading.format == "ndjson":
        return None
    try:
        sample = sample_file(file, **asdict(reading))
    except UnusableFile:
        return None
    found = suggest(sample.names, sample.texts, typed=bool(sample.kinds))
    named = {name: one.field for name, one in found.items() if one.field and not one.field.startswith("attributes.")}
    return f"By the names of the columns, this may be meant: mapping={orjson.dumps(named).decode()}" if named else None


def _invalid(error: FieldError) -> Invalid:
    return Invalid([error], detail=NOTHING_UPLOADED)
