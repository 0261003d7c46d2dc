"""A command under a keeper: started, watched, stopped, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded import keeper

LOG_LIMIT_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Account:
    """A system user to run a command as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    name: str
    argv: tuple[str, ...]
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10
    account: Account | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Kept:
    """One running command. Its pid is the keeper's, which holds the lock's descriptor until all is over."""

    def __init__(self, command: Command, *, folder: Path, log: Path, lock_descriptor: int, output: Path | None = None):
        self.command = command
        self.log = log
        account = "-" if command.account is None else f"{command.account.uid}:{command.account.gid}"
        argv = [sys.executable, "-I", "-S", keeper.__file__, str(int(command.stop_signal)), str(command.grace_seconds)]
        listening, self._speaking = os.pipe()
        shorten(log)
        with contextlib.ExitStack() as files:
            errors = files.enter_context(log.open("ab"))
            said = errors if output is None else files.enter_context(output.open("wb"))
            files.callback(os.close, listening)
            self._process = subprocess.Popen(
                [*argv, account, *command.argv],
                cwd=folder,
                env={**os.environ, **command.environment},
                stdin=listening,
                stdout=said,
                stderr=errors,
                start_new_session=True,
                pass_fds=[lock_descriptor],
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it, or anything it started, is still there."""
        return self._process.poll()

    def stop(self) -> None:
        self._say(b"s")

    def kill(self) -> None:
        self._say(b"k")

    def end(self) -> None:
        """Kill it, and return when nothing it started is left."""
        self.kill()
        self._process.wait()

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._speaking, word)

    def forget(self) -> None:
        """Once it has ended: give back the pipe."""
        os.close(self._speaking)


def shorten(log: Path) -> None:
    """Keep one old log, so that a long-lived folder does not fill the disk."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))


def tail(log: Path, lines: int = 25) -> str:
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
