"""The engine's statements, which are written for a worker's loop, in Django's own transaction."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

from psycopg import AsyncCursor


def as_async(cursor: Any) -> AsyncCursor:
    """Django's cursor as the engine calls one; it answers before it returns, so `at_once` runs what uses it."""
    return cast(AsyncCursor, _Cursor(cursor))


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Nothing in it waits, so it needs no loop, and may run where another has one."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("It waited for something.")


class _Cursor:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    async def execute(self, query: Any, parameters: Any = None) -> None:
        self._cursor.execute(query, parameters)

    async def fetchall(self) -> Any:
        return self._cursor.fetchall()

    @asynccontextmanager
    async def copy(self, statement: Any) -> AsyncIterator["_Copy"]:
        with self._cursor.copy(statement) as copy:
            yield _Copy(copy)


class _Copy:
    def __init__(self, copy: Any) -> None:
        self._copy = copy

    async def write(self, stream: bytes) -> None:
        self._copy.write(stream)
