"""Real worker processes for tests, on the test's own database, broker and state folder.

Use them with `django_db(transaction=True)`: what a test writes must be committed for another process to see it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0
QUEUE = "volley"


def test_environment(state_dir: Path) -> dict[str, str]:
    """The environment in which a process of ours works on the test's database."""
    database = connection.settings_dict
    url = (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    return {
        **os.environ,
        "VOLLEY_ENV": "development",
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "VOLLEY_STATE_DIR": str(state_dir),
    }


test_environment.__test__ = False  # type: ignore[attr-defined]


def wait_for[Answer](look: Callable[[], Answer], what: str, seconds: float = PATIENCE_SECONDS) -> Answer:
    """Looks until there is something to see; fails the test with `what` when there is nothing."""
    ends = time.monotonic() + seconds
    while not (answer := look()):
        if time.monotonic() > ends:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return answer


class CeleryWorker:
    """`celery -A config worker`, and the sweeps that beat would ask for, every half second."""

    def __init__(self, state_dir: Path, *, concurrency: int = 2, **environment: str) -> None:
        self._environment = {**test_environment(state_dir), **environment}
        self._concurrency = concurrency
        self._log = state_dir / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._sweeping: threading.Event | None = None

    def start(self, *, sweeps: bool = True) -> None:
        """Returns when it is ready for work."""
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", str(self._concurrency)]
        options = ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--hostname", f"w{os.getpid()}@%h"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *options], cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        before = self._log.read_text().count(" ready.")
        wait_for(lambda: self._log.read_text().count(" ready.") > before or self._process_ended(), "a worker is ready")
        if self._process_ended():
            pytest.fail(f"the worker ended: {self._log.read_text()[-2000:]}")
        if sweeps:
            self._sweep()

    def _process_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def children(self) -> list[int]:
        """The processes that run tasks."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def log(self) -> str:
        return self._log.read_text()

    def kill_child(self) -> int:
        """SIGKILL to the first process that runs tasks; the worker makes a new one."""
        child = self.children[0]
        os.kill(child, signal.SIGKILL)
        return child

    def kill(self) -> None:
        """SIGKILL to all of it."""
        self._stop_sweeping()
        os.killpg(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def stop(self) -> None:
        """As a deployment does."""
        self._stop_sweeping()
        if self._process_ended():
            return
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _sweep(self) -> None:
        stopped = self._sweeping = threading.Event()
        threading.Thread(target=_send_sweeps, args=(stopped,), daemon=True).start()

    def _stop_sweeping(self) -> None:
        if self._sweeping is not None:
            self._sweeping.set()


def _send_sweeps(stopped: threading.Event) -> None:
    from config.celery import app

    while not stopped.wait(0.5):
        app.send_task("executions.sweep", expires=5, retry=False)


def flush_queue() -> None:
    """The broker forgets everything: the queue and what is unacknowledged."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    client.close()


@pytest.fixture
def celery_worker(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[CeleryWorker]:
    """A running worker with two processes; sweeps come twice a second."""
    settings.STATE_DIR = tmp_path
    flush_queue()
    worker = CeleryWorker(tmp_path)
    worker.start()
    yield worker
    worker.stop()
    _free_database()
    flush_queue()


def _free_database() -> None:
    """A killed worker's connections must not keep the test database from being emptied or dropped."""
    with psycopg.connect(**_parameters(), autocommit=True) as database:
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            " AND pid <> %s",
            [connection.connection.info.backend_pid if connection.connection else 0],
        )


def _parameters() -> dict[str, Any]:
    parameters = connection.get_connection_params()
    return {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
