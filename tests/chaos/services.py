"""PostgreSQL and Valkey of the chaos run's own: killed, stopped and started again at will, on the same port."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from config.embedded import keeper
from config.embedded.kept import Command, Kept, tail
from config.embedded.postgres import Postgres
from config.embedded.state import PROJECT, State
from config.embedded.supervisor import Service
from config.embedded.valkey import Valkey
from tests.waiting import wait_until

START_SECONDS = 120.0


class Server:
    """One of the embedded services under a keeper of its own, which leaves nothing behind."""

    def __init__(self, service: Service, state: State, *, lock: int) -> None:
        self._service = service
        self._state = state
        self._lock = lock
        self._kept: Kept | None = None

    @property
    def url(self) -> str:
        return self._service.url

    def start(self) -> None:
        """Returns when it answers. What a killed one left is cleared away, as a supervisor would."""
        if self._kept is not None:
            return
        self._service.prepare(self._run)
        self._kept = self._keep(self._service.command())
        log = self._state.log(self._service.name)
        wait_until(
            self._service.answers, f"{self._service.name} answers", within=START_SECONDS, explain=lambda: tail(log)
        )

    def _keep(self, command: Command) -> Kept:
        return Kept(command, folder=PROJECT, log=self._state.log(command.name), lock_descriptor=self._lock)

    def _run(self, command: Command) -> None:
        kept = self._keep(command)
        code = wait_until(lambda: _ended(kept), f"{command.name} has run", within=START_SECONDS)
        kept.forget()
        assert code == ("ended", 0), tail(kept.log)

    @property
    def pid(self) -> int:
        """The server's main process."""
        assert self._kept is not None
        keeper_pid = self._kept.pid
        return next(pid for pid, parent in keeper.parents().items() if parent == keeper_pid)

    def kill(self) -> None:
        """SIGKILL, as when it runs out of memory; returns when all of it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self._gone()

    def shut_down(self, number: signal.Signals) -> None:
        """By the signal that asks for it: of PostgreSQL, SIGINT is the fast and SIGQUIT the immediate way."""
        os.kill(self.pid, number)
        self._gone()

    def _gone(self) -> None:
        kept, self._kept = self._kept, None
        assert kept is not None
        wait_until(lambda: _ended(kept), f"{self._service.name} is gone")
        kept.forget()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Stopped: connections stay, new ones are taken by the kernel, and nobody answers."""
        pids = [self.pid, *keeper.descendants(self.pid)]
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                _signal(pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._kept is not None:
            _signal(self.pid, signal.SIGCONT)
            self._kept.stop()
            self._gone()


def _ended(kept: Kept) -> tuple[str, int] | None:
    code = kept.exit_code()
    return None if code is None else ("ended", code)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@contextlib.contextmanager
def own_servers(folder: Path) -> Iterator[tuple[Server, Server]]:
    """PostgreSQL, as durable as in production, and Valkey; both answer."""
    state = State(folder)
    state.create()
    lock = os.open(state.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    servers = (Server(Postgres(state), state, lock=lock), Server(Valkey(state), state, lock=lock))
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()
        os.close(lock)
