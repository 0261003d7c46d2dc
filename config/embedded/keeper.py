"""Runs one command, and ends it and everything it started as soon as the supervisor asks or is gone.

    python -I -S keeper.py STOP_SIGNAL GRACE_SECONDS USER COMMAND...        (USER: "-", or uid:gid to run it as)

Standard input is a pipe whose other end only the supervisor holds. `s` on it, or its end (the supervisor was killed,
by whatever), sends STOP_SIGNAL and after GRACE_SECONDS kills; `k` kills at once. When the command ends, what is left of
its children is ended too, and its exit code is answered (128 + n after signal n). A parent-death signal alone would not
do: the kernel clears it when credentials change, and grandchildren never have it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LEFTOVER_GRACE_SECONDS = 3.0


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the pipe and the process group have to do."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(stop_signal: int) -> Callable[[], None]:
    """For `preexec_fn`: a second line of defence, should the keeper itself be killed."""
    parent = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:
            os.kill(os.getpid(), stop_signal)

    return arm


def parents() -> dict[int, int]:
    """Parent by process id, of every process that is not a zombie; empty where there is no /proc."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def descendants(root: int) -> list[int]:
    """Living children of `root`, their children, and so on."""
    tree = parents()
    found: list[int] = []
    layer = {root}
    while layer:
        layer = {pid for pid, parent in tree.items() if parent in layer}
        found.extend(layer)
    return found


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def reap_among(pids: list[int]) -> None:
    """Collect those of `pids` that were children of ours and have ended."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def reap() -> dict[int, int]:
    """Exit code by process id, of every child that has ended since."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended


def end(pids: list[int], stop_signal: int, grace: float) -> None:
    """Ask these processes to end, and after `grace` seconds end them; returns when none is left."""
    deadline = time.monotonic() + grace
    send(pids, stop_signal)
    while True:
        reap_among(pids)
        alive = parents()
        pids = [pid for pid in pids if pid in alive]
        if not pids:
            return
        if time.monotonic() > deadline:
            send(pids, signal.SIGKILL)
        select.select([], [], [], 0.02)


def end_leftovers() -> None:
    """End what the command left behind, also what that starts meanwhile."""
    while left := descendants(os.getpid()):
        end(left, signal.SIGTERM, LEFTOVER_GRACE_SECONDS)


class Watch:
    """The keeper's two ears: the supervisor's pipe, and signals (a child's end, or a plain `kill` of the keeper)."""

    def __init__(self) -> None:
        self.told_to_stop = False
        self.woken, wake = os.pipe()
        for end in (self.woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.listening = [0, self.woken]
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self.told_to_stop = True

    def hear(self, timeout: float | None) -> str:
        """`stop`, `kill` or nothing, after at most `timeout` seconds."""
        ready = select.select(self.listening, [], [], timeout)[0]
        if self.woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.woken, 512)
        if 0 in ready:
            said = os.read(0, 1)
            if said == b"k":
                return "kill"
            if not said:
                self.listening.remove(0)
            return "stop"
        return "stop" if self.told_to_stop else ""


def keep(command: list[str], stop_signal: int, grace: float, user: int | None, group: int | None) -> int:
    adopt_orphans()
    watch = Watch()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(stop_signal),  # safe: this process has one thread
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    deadline: float | None = None
    while True:
        ended = reap()
        if child.pid in ended:
            end_leftovers()
            code = ended[child.pid]
            return code if code >= 0 else 128 - code
        said = watch.hear(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if said == "kill" or (deadline is not None and time.monotonic() >= deadline):
            send([child.pid, *descendants(os.getpid())], signal.SIGKILL)
            deadline = time.monotonic() + 1
        elif said == "stop" and deadline is None:
            send([child.pid], stop_signal)
            deadline = time.monotonic() + grace


def main() -> None:
    stop_signal, grace, account, *command = sys.argv[1:]
    user, _, group = account.partition(":")
    number = None if account == "-" else int(user)
    try:
        code = keep(command, int(stop_signal), float(grace), number, None if number is None else int(group))
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        code = 127
    sys.exit(code)


if __name__ == "__main__":
    main()
