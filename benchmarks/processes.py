"""Processes that a benchmark starts and ends: the product's, and the receivers of its mail."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.clock import cpu_seconds, descendants_of

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
READY_SECONDS = 60.0
STOP_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """A command with its output in a file."""

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self._popen.pid)

    @property
    def children(self) -> list[int]:
        return descendants_of(self._popen.pid)

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        return self._popen.poll() is not None

    def stop(self) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def await_port(self, port: int) -> None:
        """Until somebody listens there. Raises RuntimeError with the output's end when nobody does."""
        ends = time.monotonic() + READY_SECONDS
        while time.monotonic() < ends and not self.ended:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"Nothing listens on port {port}:\n{self.output[-2000:]}")


def compile_sink(folder: Path) -> Path:
    binary = folder / "smtp_sink"
    subprocess.run(["cc", "-O2", "-o", str(binary), str(HERE / "smtp_sink.c")], check=True)
    return binary


@contextlib.contextmanager
def sink(folder: Path, *options: str) -> Iterator[tuple[Process, int]]:
    """Our receiver, and its port."""
    port = free_port()
    log = folder / f"sink-{port}.log"
    process = Process([str(folder / "smtp_sink"), str(port), *options], log=log)
    try:
        process.await_port(port)
        yield process, port
    finally:
        process.stop()


def debian_sink() -> str | None:
    """Where Debian's smtp-sink is, if it is installed."""
    return shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def smtp_sink(binary: str, folder: Path) -> Iterator[tuple[Process, int]]:
    port = free_port()
    command = [binary, *(["-u", "nobody"] if os.geteuid() == 0 else []), f"127.0.0.1:{port}", "1000"]
    process = Process(command, log=folder / f"smtp-sink-{port}.log")
    try:
        process.await_port(port)
        yield process, port
    finally:
        process.stop()


class Product:
    """Web, worker and beat, as in production."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        self._folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {**os.environ, "VOLLEY_PORT": str(port), "VOLLEY_BASE_URL": self.url}
        granian = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        self.web = self._start("web", [*granian, "config.wsgi:application"])
        self.beat = self._start("beat", ["celery", "-A", "config", "beat", "-l", "INFO", "--pidfile="])
        self.worker = self._start_worker(workers)
        self.web.await_port(port)
        self._await_workers()

    def _start(self, name: str, command: Sequence[str]) -> Process:
        log = self._folder / f"{name}.log"
        return Process([sys.executable, "-m", *command], log=log, environment=self._environment)

    def _start_worker(self, processes: int) -> Process:
        options = ["-c", str(processes), "-l", "INFO", "--without-gossip", "--without-mingle"]
        return self._start("worker", ["celery", "-A", "config", "worker", *options])

    def _await_workers(self) -> None:
        """Until the product itself says that worker, beat and Valkey were heard of. Raises RuntimeError."""
        ends = time.monotonic() + READY_SECONDS
        while time.monotonic() < ends:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
                return
            time.sleep(0.1)
        raise RuntimeError(f"The workers did not get ready:\n{self.worker.output[-2000:]}")

    @property
    def own_cpu_seconds(self) -> float:
        """Workers, Celery's main process and beat."""
        return self.worker.cpu_seconds + self.beat.cpu_seconds

    def stop(self) -> None:
        for process in (self.beat, self.worker, self.web):
            process.stop()


@contextlib.contextmanager
def product(folder: Path, *, workers: int) -> Iterator[Product]:
    running = Product(folder, workers=workers)
    try:
        yield running
    finally:
        running.stop()
