from datetime import date

import pytest
from django.db import connection

from common.partitions import month_after
from executions.delivery.partitions import ensure_partition, make_partitions


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'executions_delivery'::regclass"
        )
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.django_db
def test_a_month_is_made_once() -> None:
    ensure_partition(date(2031, 12, 31))
    ensure_partition(date(2031, 12, 1))
    assert "executions_delivery_2031_12" in partitions()


@pytest.mark.django_db
def test_months_are_made_ahead_over_the_end_of_a_year() -> None:
    make_partitions(date(2031, 11, 30))
    assert {f"executions_delivery_{month}" for month in ("2031_11", "2031_12", "2032_01")} <= partitions()


def test_the_month_after_december_is_january() -> None:
    assert month_after(date(2031, 12, 1)) == date(2032, 1, 1)
