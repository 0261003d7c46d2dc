"""One embedded stack in a process of its own, as `make up` runs it, with the small product of `stub_product`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from config.embedded import keeper
from config.embedded.ports import free_port
from config.embedded.state import PROJECT
from tests.waiting import PATIENCE, wait_until

OWN_VARIABLES = re.compile(r"^(VOLLEY_\w+|DATABASE_URL|REDIS_URL|STUB_\w+)$")


STUB = [sys.executable, "-m", "tests.stack.stub_product"]
UNDER_PARENT = ["sh", "-c", '"$@"; true', "make"]


class RunningStack:
    def __init__(self, folder: Path, *, port: int | None = None, **environment: str):
        self.folder = folder
        self.port = port or free_port()
        inherited = {name: value for name, value in os.environ.items() if not OWN_VARIABLES.match(name)}
        self.environment = inherited | {"VOLLEY_STATE_DIR": str(folder), "VOLLEY_PORT": str(self.port)} | environment
        self.under_parent = False
        self._output = folder.with_suffix(".output")
        self._process: subprocess.Popen[bytes] | None = None
        self._known: set[int] = set()

    def start(self) -> RunningStack:
        """Returns once it has said that it is ready."""
        self.begin()
        wait_until(lambda: "greetings from the demo" in self.said() or self.has_ended(), "the stack is ready")
        assert not self.has_ended(), self.said()
        self.pids()
        return self

    def begin(self) -> None:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*UNDER_PARENT, *STUB, "--with-parent"] if self.under_parent else STUB,
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_hear_of_a_closed_terminal,
            )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m config.embedded` on the same folder."""
        argv = [sys.executable, "-m", "config.embedded", *arguments]
        return subprocess.run(argv, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def said(self) -> str:
        return self._output.read_text()

    def has_ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self, pid: int) -> None:
        """One of its processes, without warning."""
        assert pid in self.pids()
        os.kill(pid, signal.SIGKILL)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def pids(self) -> set[int]:
        """Every process that belongs to the stack now; all that ever did are remembered."""
        now = set(keeper.descendants(self.pid))
        self._known |= now
        return now

    def survivors(self) -> set[int]:
        """Of all that ever belonged to it, those that still live."""
        alive = keeper.parents()
        return {pid for pid in self._known if pid in alive}

    def pid_of(self, words: str) -> int:
        """The process, other than its keeper, whose command line has these words."""
        found = [pid for pid in self.pids() if words in command_line(pid) and "keeper.py" not in command_line(pid)]
        return min(found, default=0)

    def web(self) -> Any:
        """What the web process answers; None while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=PATIENCE) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    def end(self) -> None:
        if self._process is not None and not self.has_ended():
            self.send(signal.SIGTERM)
            self.wait()


def _hear_of_a_closed_terminal() -> None:
    """Also where the tests run under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
