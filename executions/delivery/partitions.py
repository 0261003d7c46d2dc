"""The ledger's months. A partition is made ahead, or by the planner that needs it."""

from datetime import date

from common import partitions

PARTITIONED = ("executions_delivery", "executions_receipt")


def ensure_partition(day: date) -> None:
    """Make the partitions that hold `day`, unless they are there. Waits at most two seconds for a lock."""
    partitions.ensure_partition(PARTITIONED, day)


def make_partitions(today: date | None = None) -> None:
    partitions.make_partitions(PARTITIONED, today)
