"""PostgreSQL's clock, moved: all that Volley asks of it in SQL, on every connection of the test.

Functions are looked for along `search_path`; so those of a schema before `pg_catalog` answer instead of the real ones.
They show one instant until they are moved on. Defaults of columns (`created_at`) stay the real clock's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection

_SCHEMA = "moved_clock"
_ASKED = {"now": "STABLE", "statement_timestamp": "STABLE", "clock_timestamp": "VOLATILE"}
_PATH = f"-c search_path=public,{_SCHEMA},pg_catalog"


class MovedClock:
    def to(self, text: str) -> datetime:
        """An instant in UTC, as in `2027-03-28T00:59:59`."""
        instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
        self.show(instant)
        return instant

    def show(self, instant: datetime) -> None:
        with connection.cursor() as cursor:
            for name, kind in _ASKED.items():
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {_SCHEMA}.{name}() RETURNS timestamptz LANGUAGE sql {kind}"
                    f" AS $$ SELECT timestamptz '{instant.isoformat()}' $$"
                )


@contextmanager
def moved_clock() -> Iterator[MovedClock]:
    """Connections opened within it see the moved clock; so those that are open must not be used on."""
    options: dict[str, Any] = connection.settings_dict["OPTIONS"]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
    try:
        with _reconnected({**options, "options": _PATH}):
            yield MovedClock()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {_SCHEMA} CASCADE")


@contextmanager
def _reconnected(options: Mapping[str, Any]) -> Iterator[None]:
    before = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.settings_dict["OPTIONS"] = dict(options)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = before
