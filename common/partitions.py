"""Tables partitioned by month, without a default partition: a row in one would block making its month."""

from collections.abc import Sequence
from datetime import date

from django.db import connection, transaction
from psycopg.sql import SQL, Identifier, Literal

MONTHS_AHEAD = 2


def month_of(day: date) -> date:
    return date(day.year, day.month, 1)


def month_after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def ensure_partition(tables: Sequence[str], day: date) -> None:
    """Make the partitions that hold `day`, unless they are there. Waits at most two seconds for a lock."""
    month = month_of(day)
    missing = [table for table in tables if not _exists(_name(table, month))]
    if not missing:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('volley.partitions'))")
        for table in missing:
            if not _exists(_name(table, month)):
                _make(table, month)


def make_partitions(tables: Sequence[str], today: date | None = None) -> None:
    """This month and the next ones, by PostgreSQL's calendar."""
    month = month_of(today or database_today())
    for _ in range(MONTHS_AHEAD + 1):
        ensure_partition(tables, month)
        month = month_after(month)


def months_kept(table: str) -> list[date]:
    """The months that have a partition, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(c.relname, 7) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s) ORDER BY 1",
            [table],
        )
        return [date(int(name[:4]), int(name[5:]), 1) for (name,) in cursor.fetchall()]


def drop_partition(table: str, month: date, *, wait_ms: int = 2000) -> None:
    """Drops a month with all its rows. Waits so long at most for those who read the table; all others wait for it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_ms}ms"])
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('volley.partitions'))")
        cursor.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier(_name(table, month))))


def database_today() -> date:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
        today: date = cursor.fetchone()[0]
        return today


def _name(table: str, month: date) -> str:
    return f"{table}_{month:%Y_%m}"


def _exists(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass(%s) AND relispartition)", [name])
        return bool(cursor.fetchone()[0])


def _make(table: str, month: date) -> None:
    """Filled in before it is attached: ATTACH alone does not block those who write to other months."""
    name = Identifier(_name(table, month))
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY)").format(name, Identifier(table))
        )
        cursor.execute(
            SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                Identifier(table), name, Literal(month), Literal(month_after(month))
            )
        )
