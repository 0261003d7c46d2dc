"""A database and a Valkey index of the benchmark's own, on the servers of DATABASE_URL and REDIS_URL."""

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg.sql import SQL, Identifier

from benchmarks.clock import parent_of, stat_fields

DATABASE = "volley_bench"
_OURS = "volley-benchmark"


class Busy(Exception):
    """Something that is not ours is where the benchmark would work."""


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@contextlib.contextmanager
def own_database(name: str) -> Iterator[str]:
    """The URL of an empty database, dropped at the end; one of the same name is dropped at the beginning."""
    server = _with_path(os.environ["DATABASE_URL"], "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        _drop(connection, name)
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield _with_path(os.environ["DATABASE_URL"], name)
        finally:
            _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


@contextlib.contextmanager
def own_index(index: int) -> Iterator[str]:
    """The URL of an empty Valkey index, emptied at the end. Raises Busy where it holds anybody else's keys."""
    url = _with_path(os.environ["REDIS_URL"], str(index))
    client: redis.Redis = redis.Redis.from_url(url)
    if client.dbsize() and not client.exists(_OURS):
        raise Busy(f"Index {index} of the Valkey server is in use; name an empty one with --redis-index.")
    client.flushdb()
    client.set(_OURS, 1)
    try:
        yield url
    finally:
        client.flushdb()
        client.close()


def postmaster(database_url: str) -> int | None:
    """The pid of the PostgreSQL server's main process, None where the server is on another machine."""
    with psycopg.connect(database_url) as connection:
        try:
            parent = parent_of(connection.info.backend_pid)
        except FileNotFoundError:
            return None
        return parent if stat_fields(parent) and parent > 1 else None
