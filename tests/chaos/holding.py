"""Whoever writes to a table waits: so a worker is met in the middle of its transaction, and not by luck."""

import contextlib
from collections.abc import Callable, Iterator

import psutil
import psycopg
from psycopg.sql import SQL, Identifier

from tests.chaos.rig import Rig


@contextlib.contextmanager
def table_held(rig: Rig, table: str) -> Iterator[Callable[[], int]]:
    """Until we leave. Yields what answers the process of a worker that waits for it, 0 while none does."""
    with psycopg.connect(rig.postgres.url) as connection, connection.transaction():
        connection.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(Identifier(table)))
        yield lambda: _held_up(rig, table)


def _held_up(rig: Rig, table: str) -> int:
    ports = {port for (port,) in rig.ask(_WAITING, [table])}
    for pid in rig.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(one.laddr.port in ports for one in psutil.Process(pid).net_connections("tcp")):
                return pid
    return 0


# The sweep may wait too, and is not meant: it holds a lock of its own.
_WAITING = """
    SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = %s::regclass AND NOT l.granted
        AND NOT EXISTS (SELECT FROM pg_locks s WHERE s.pid = l.pid AND s.locktype = 'advisory' AND s.granted
            AND s.objid::bigint = hashtext('volley.sweep')::bigint & 4294967295)
"""
