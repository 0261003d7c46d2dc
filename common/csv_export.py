"""Rows as CSV, streamed: millions need no memory."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from defusedcsv import csv as defused
from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer

from common.rendering import dump

LINES_AT_ONCE = 500


class CsvRenderer(BaseRenderer):
    """Only names the format, for `Accept` and `?format=csv`; problems are rendered as JSON all the same."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return dump(data)


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> StreamingHttpResponse:
    """`name` is that of the file. Cells that a spreadsheet would run as a formula get an apostrophe."""
    return StreamingHttpResponse(
        _lines(columns, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Lines(list[str]):
    """What a csv writer writes to."""

    def write(self, line: str) -> None:
        self.append(line)

    def take(self) -> str:
        text = "".join(self)
        self.clear()
        return text


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    lines = _Lines()
    writer = defused.writer(lines, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
        if len(lines) >= LINES_AT_ONCE:
            yield lines.take()
    yield lines.take()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return "" if value is None else value
