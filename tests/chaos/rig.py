"""The whole product on servers of its own: what every fault is done to, and what heals between two of them."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import redis

from tests.chaos.proxy import Proxy
from tests.chaos.services import Server
from tests.running.processes import ROOT, Process, Stack
from tests.waiting import wait_until

PROCESSES = 4
READY_SECONDS = 120.0


class Rig:
    """`worker_environment` of a fault is put on by `restart_workers`, and taken off by `heal`."""

    def __init__(self, folder: Path, postgres: Server, valkey: Server) -> None:
        self.folder = folder
        self.postgres = postgres
        self.valkey = valkey
        self.stack = Stack(folder=folder, database_url=postgres.url, redis_url=valkey.url, processes=PROCESSES)
        self._plain = dict(self.stack.environment)
        self._strange = False
        self._connection: psycopg.Connection | None = None

    def start(self) -> None:
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
        self.stack.start()
        self._await_ready()

    def stop(self) -> None:
        for process in (self.stack.beat, self.stack.worker, self.stack.web):
            process.kill()

    def heal(self) -> None:
        """Everything runs again as it did at first, and the workers of before are forgotten."""
        for server in (self.postgres, self.valkey):
            server.start()
        if self._strange:
            self.stack.worker.kill()
            self.stack.worker.environment = dict(self._plain)
            self._strange = False
        self.supervise()
        self._await_ready()

    def supervise(self) -> None:
        """Whatever has ended is started again, as a supervisor does."""
        for process in (self.stack.web, self.stack.worker, self.stack.beat):
            if process.popen is None or process.popen.poll() is not None:
                process.kill()
                process.start()

    def await_heard(self, process: Process) -> None:
        """Until this worker or beat works: from then on recovery is its business."""
        assert process.popen is not None
        heart = [process.name, f"%:{process.popen.pid}"]
        wait_until(
            lambda: self.ask("SELECT 1 FROM executions_heartbeat WHERE component = %s AND instance LIKE %s", heart),
            f"{process.name} is heard of",
            within=READY_SECONDS,
            explain=process.tail,
        )

    def restart_workers(self, **environment: str) -> None:
        """With more in their environment; returns when they work."""
        self.stack.worker.kill()
        self._strange = bool(environment)
        self.stack.worker.environment = {**self._plain, **environment}
        self.stack.worker.start()
        self._await_ready()

    def _await_ready(self) -> None:
        """The workers of now have been heard of, and only they count as lanes."""
        self.ask("DELETE FROM executions_heartbeat WHERE component IN ('worker', 'valkey')")
        wait_until(
            lambda: _answers(f"{self.stack.url}/readyz"),
            "web, worker, beat and Valkey are ready",
            within=READY_SECONDS,
            explain=self.stack.worker.tail,
        )

    # What it is like inside

    def ask(self, sql: LiteralString, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Asks the server that there is now; it may be another than a moment ago."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.OperationalError):
                return self._ask(self._connection, sql, parameters)
            self._connection.close()
        self._connection = psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5)
        return self._ask(self._connection, sql, parameters)

    def _ask(
        self, connection: psycopg.Connection, sql: LiteralString, parameters: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        cursor = connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def flush_valkey(self) -> None:
        with redis.Redis.from_url(self.valkey.url, socket_timeout=5) as client:
            client.flushall()

    def children(self) -> list[int]:
        """The processes that run tasks; none where the main process is gone."""
        popen = self.stack.worker.popen
        if popen is None or popen.poll() is not None:
            return []
        return self.stack.worker.children()

    @contextlib.contextmanager
    def proxied(self, service: Server, variable: str) -> Iterator[Proxy]:
        """Workers that reach the service only through a proxy; everybody else goes there directly."""
        with Proxy.to(service.url) as proxy:
            self.restart_workers(**{variable: proxy.url(service.url)})
            try:
                yield proxy
            finally:
                proxy.heal()
                self.stack.worker.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end_process(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """False: it was gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def running(folder: Path, postgres: Server, valkey: Server) -> Iterator[Rig]:
    rig = Rig(folder, postgres, valkey)
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()
