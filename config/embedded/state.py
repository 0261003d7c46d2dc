"""The folder that keeps everything of one stack (VOLLEY_STATE_DIR, by default `var/`), and its lock."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from config.embedded import keeper
from config.embedded.refusal import Refusal

PROJECT = Path(__file__).resolve().parents[2]
LEFTOVER_WAIT_SECONDS = 40


def state_folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("VOLLEY_STATE_DIR") or PROJECT / "var").absolute()


class State:
    """Paths and secrets below one folder. The folder is 0700 and files are 0600."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.embedded = folder / "embedded"
        self.logs = folder / "log"
        self.marker = folder / ".volley-state"
        self.lock_file = folder / "lock"

    def create(self) -> None:
        for folder in (self.folder, self.embedded, self.logs):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if folder.stat().st_mode & 0o066:
                    folder.chmod(0o700)
            except OSError as error:
                raise Refusal(
                    f"The state folder {folder} cannot be made or is not this user's ({error.strerror}). "
                    "Choose another with VOLLEY_STATE_DIR."
                ) from error
        self.marker.touch()

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def secret(self, name: str, length: int = 32) -> str:
        """A random secret, URL-safe, made on first use and kept; 32 bytes make a valid Fernet key."""
        path = self.embedded / f"{name}.secret"
        if not path.exists():
            write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(length)).decode())
        return path.read_text()

    @property
    def progress(self) -> Path:
        """Which setup steps were done, for what."""
        return self.embedded / "steps.json"

    @property
    def environment(self) -> Path:
        """What the running stack's commands have in their environment."""
        return self.embedded / "environment.json"

    def forget_progress(self) -> None:
        self.progress.unlink(missing_ok=True)

    def forget(self) -> None:
        """Delete everything but the lock that the caller holds."""
        if not self.marker.exists() and any(path != self.lock_file for path in self.folder.iterdir()):
            raise Refusal(f"{self.folder} was not made by Volley's embedded stack, so it is left alone.")
        for path in self.folder.iterdir():
            if path == self.lock_file:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def write_private(path: Path, text: str) -> None:
    """Write whole or not at all, readable by this user only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


class Lock:
    """One supervisor per state folder.

    Keepers inherit the descriptor: after a killed supervisor the lock is free only once all its processes have ended.
    """

    def __init__(self, path: Path):
        self._path = path
        self.descriptor = -1

    def take(self, port: int | None) -> None:
        """Raises Refusal, naming pid and port of the owner, while another supervisor lives."""
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + LEFTOVER_WAIT_SECONDS
        while not self._try():
            pid, _ = owner = self.owner()
            if is_alive(pid) or time.monotonic() > deadline:
                os.close(self.descriptor)
                raise Refusal(running_already(self._path.parent, *owner))
            time.sleep(0.1)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"pid": os.getpid(), "port": port}).encode(), 0)

    def _try(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def owner(self) -> tuple[int, int | None]:
        """Process id and web port of who holds or last held it; pid 0 while it is not yet written."""
        try:
            told = json.loads(self._path.read_text())
            return int(told["pid"]), told["port"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0, None

    def is_held(self) -> bool:
        """Whether a supervisor works in this folder now."""
        try:
            self.descriptor = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return False
        held = not self._try()
        os.close(self.descriptor)
        return held


def is_alive(pid: int) -> bool:
    """Whether this process runs; one that has ended and only waits to be collected does not."""
    known = keeper.parents()
    if known:
        return pid in known
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


def running_already(folder: Path, pid: int, port: int | None) -> str:
    serving = f" on port {port} (http://127.0.0.1:{port}/)" if port else ""
    return (
        f"Volley is already running from {folder}: pid {pid}{serving}. "
        f"Stop it with Ctrl-C in its terminal or `kill {pid}`, "
        "or give this one a VOLLEY_STATE_DIR and a VOLLEY_PORT of its own."
    )
