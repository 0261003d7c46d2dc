"""Deliveries as CSV, streamed: a ledger of millions needs no memory."""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from defusedcsv import csv as defused
from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer

from common.rendering import dump
from executions.models import Execution
from executions.reading.deliveries import COLUMNS, every_delivery

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


def csv_response(execution: Execution, filters: Mapping[str, str]) -> StreamingHttpResponse:
    name = f"execution-{execution.pk}-deliveries.csv"
    return StreamingHttpResponse(
        _lines(execution, filters),
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


def _lines(execution: Execution, filters: Mapping[str, str]) -> Iterator[str]:
    lines = _Lines()
    writer = defused.writer(lines, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(COLUMNS)
    for row in every_delivery(execution, filters):
        writer.writerow([_cell(row[column]) for column in COLUMNS])
        if len(lines) >= LINES_AT_ONCE:
            yield lines.take()
    yield lines.take()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return "" if value is None else value
