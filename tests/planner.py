"""What PostgreSQL's planner goes by, made the same whatever other tests left: emptied rows leave pages, and statistics
outlast a rollback."""

from django.db import connection

_KINDS_OF_SCAN = ("enable_seqscan", "enable_bitmapscan", "enable_tidscan")


def on_new_pages(*tables: str) -> None:
    """Empty these tables and those that refer to them: without pages, as in a new database, until a rollback."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def by_index_alone() -> None:
    """Until the transaction ends: which index serves a condition is the question, not whether it pays for few rows."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {kind} = off" for kind in _KINDS_OF_SCAN))
