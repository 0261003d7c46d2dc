"""How a file reaches `/api/v1/uploads`: in a form, or as the body itself with its fields in the query."""

import contextlib
from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from django.utils.datastructures import MultiValueDict
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from audiences.receiving import ReceivedFile
from audiences.upload_judging import refuse_large

_PIECE = 256 * 1024
_FORM_OVERHEAD = 64 * 1024
_ENDINGS = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/vnd.apache.parquet": "parquet",
    "application/gzip": "gz",
}


class FormatOfFile(DefaultContentNegotiation):
    """`format` in the query of an upload is the file's; answers are JSON."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class FormParser(MultiPartParser):
    """Refuses what is too large by its announced length, before a byte of it is kept.

    What comes is written and hashed by `audiences.receiving.Receiver`, as settings.FILE_UPLOAD_HANDLERS says.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        length = _announced(parser_context)
        if length > settings.UPLOAD_MAX_BYTES + _FORM_OVERHEAD:
            refuse_large(length)
        return super().parse(stream, media_type, parser_context)


class _BodyParser(BaseParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        refuse_large(_announced(parser_context))
        request = (parser_context or {})["request"]
        kind = (media_type or self.media_type).partition(";")[0].strip()
        file = ReceivedFile(f"upload.{_ENDINGS[kind]}", kind)
        # Django closes these with the request; REST framework hands them over for forms only.
        files = MultiValueDict({"file": [file]})
        request._request._files = files
        while piece := stream.read(_PIECE):
            file.take(piece)
            refuse_large(file.received)
        file.complete()
        return DataAndFiles(request.query_params, files)


class CsvParser(_BodyParser):
    media_type = "text/csv"


class NdjsonParser(_BodyParser):
    media_type = "application/x-ndjson"


class ParquetParser(_BodyParser):
    media_type = "application/vnd.apache.parquet"


class GzipParser(_BodyParser):
    """Of CSV or NDJSON, as `format` says."""

    media_type = "application/gzip"


def form_fields(form: Mapping[str, Any]) -> dict[str, Any]:
    """A form's texts as the JSON that they stand for; what stands for nothing stays text, and is refused later."""
    found = {name: value for name, value in form.items() if name != "file" and value != ""}
    for name in ("keep", "start", "force"):
        if found.get(name) in ("true", "false"):
            found[name] = found[name] == "true"
    if isinstance(found.get("mapping"), str):
        with contextlib.suppress(orjson.JSONDecodeError):
            found["mapping"] = orjson.loads(found["mapping"])
    return found


def _announced(context: Mapping[str, Any] | None) -> int:
    text = str(context["request"].META.get("CONTENT_LENGTH") or 0) if context else "0"
    return int(text) if text.isascii() and text.isdigit() else 0
