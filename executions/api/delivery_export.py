"""Deliveries as CSV."""

from collections.abc import Mapping

from django.http import StreamingHttpResponse

from common.csv_export import csv_response
from executions.models import Execution
from executions.reading.deliveries import COLUMNS, every_delivery


def deliveries_csv(execution: Execution, filters: Mapping[str, str]) -> StreamingHttpResponse:
    return csv_response(f"execution-{execution.pk}-deliveries.csv", COLUMNS, every_delivery(execution, filters))
