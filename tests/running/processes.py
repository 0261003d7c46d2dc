"""The real thing, for acceptance and browser tests: web server, Celery worker and beat as processes of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from config.embedded.ports import free_port
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A service that can be stopped, killed with its children, and started again."""

    def __init__(self, name: str, command: list[str], *, environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.log = folder / f"{name}.log"
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> None:
        """As a supervisor does: SIGTERM, and SIGKILL for what is left."""
        if self.popen is None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(PATIENCE)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, as when a machine dies."""
        if self.popen is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.popen = None

    def children(self) -> list[int]:
        """The pids of its child processes: of a Celery worker, those that do the work."""
        assert self.popen is not None
        return [child.pid for child in psutil.Process(self.popen.pid).children(recursive=True)]

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


class Stack:
    """Web, worker and beat against one database and one Valkey index."""

    def __init__(self, *, folder: Path, database_url: str, redis_url: str, processes: int = 2) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "VOLLEY_ENV": "development",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "VOLLEY_STATE_DIR": str(folder),
            "VOLLEY_PORT": str(self.port),
            "VOLLEY_BASE_URL": self.url,
            "PYTHONWARNINGS": "default",
        }
        python = [sys.executable, "-m"]
        granian = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        worker = ["celery", "-A", "config", "worker", "-c", str(processes), "-l", "INFO"]
        worker += ["--without-gossip", "--without-mingle"]
        beat = ["celery", "-A", "config", "beat", "-l", "INFO", "-s", str(folder / "beat"), "--pidfile="]
        self.web = self._process("web", [*python, *granian, "config.wsgi:application"], folder)
        self.worker = self._process("worker", [*python, *worker], folder)
        self.beat = self._process("beat", [*python, *beat], folder)

    def _process(self, name: str, command: list[str], folder: Path) -> Process:
        return Process(name, command, environment=self.environment, folder=folder)

    def start(self) -> None:
        for process in (self.web, self.worker, self.beat):
            process.start()
        self.wait_for_web()

    def wait_for_web(self) -> None:
        wait_until(lambda: _answers(f"{self.url}/healthz"), "the web server answers", explain=self.web.tail)

    def stop(self) -> None:
        for process in (self.beat, self.worker, self.web):
            process.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
