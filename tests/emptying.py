"""After a test that commits, the tables are empty again.

Row by row: a test writes few, and to truncate 70 tables makes as many new files as there are tables and indexes. What
Django's own flush makes anew each time, content types and permissions, is left alone: only migrations write it.
"""

from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = ("django_migrations", "django_content_type", "auth_permission")
# No constraint can be broken where everything goes, and a superuser is spared looking.
_UNCHECKED = """
SELECT set_config('session_replication_role', 'replica', true) FROM pg_roles WHERE rolname = current_user AND rolsuper
"""
_TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace AND relname <> ALL (%s)
"""


def empty_tables(_case: TransactionTestCase | None = None) -> None:
    """Those in partitions too, which Django does not manage."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNCHECKED)
        cursor.execute(_TABLES, [list(KEPT)])
        cursor.execute("; ".join(f"DELETE FROM {table}" for (table,) in cursor.fetchall()))


def instead_of_flush() -> None:
    TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[attr-defined]
