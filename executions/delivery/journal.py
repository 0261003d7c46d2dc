"""The journal that narrows the doubt after a crash: a byte per recipient of a batch, in a file on local disk.

The bytes are those of `providers.contract`: untouched, handed over (stored before the socket is written), or the
outcome. A mapped page survives SIGKILL without fsync, though not a power cut, so the name holds the boot's id.
The owner holds a lock on the file, taken after fork: whoever else gets the lock knows that the owner is dead.
Behind the bytes lies what a worker that gave the batch up had to say.
"""

import fcntl
import mmap
import os
import platform
import time
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from executions.delivery.batches import BATCH_SIZE

STALE_SECONDS = 3_600
MOST_WORDS = 500


@cache
def _here() -> str:
    """This boot of this machine; a container has a host name of its own."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{platform.node()[:60]}:{boot.read_text().strip() if boot.exists() else 'unknown'}"


def _directory() -> Path:
    directory = Path(settings.STATE_DIR) / "journal"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


class Journal:
    """A worker's own. `name` goes into the batch's row with the claim; `view[i]` is recipient i of the batch."""

    def __init__(self) -> None:
        file_name = f"{uuid4().hex}.journal"
        self.name = f"{_here()}/{file_name}"
        self._path = _directory() / file_name
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        os.ftruncate(self._fd, BATCH_SIZE)
        self.view = mmap.mmap(self._fd, BATCH_SIZE)

    def clear(self) -> None:
        """Before the next batch."""
        self.view[:] = bytes(BATCH_SIZE)

    def abandon(self, words: str = "") -> None:
        """Leave the file to whoever recovers the batch, with what went wrong. Nothing may be sent after this."""
        self.view.close()
        with suppress(OSError):
            os.pwrite(self._fd, words.encode("utf-8", "replace")[:MOST_WORDS], BATCH_SIZE)
        os.close(self._fd)

    def remove(self) -> None:
        """No batch needs it any more."""
        self._path.unlink(missing_ok=True)
        self.abandon()


class DeadJournal:
    """The journal of an owner that is known to be dead, held by its lock until closed."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd
        self.marks = os.pread(fd, BATCH_SIZE, 0)
        self.words = os.pread(fd, MOST_WORDS, BATCH_SIZE).decode("utf-8", "replace").replace("\0", "")

    def close(self, *, remove: bool) -> None:
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)


def open_dead(name: str) -> DeadJournal | None:
    """None where the owner may be alive, or where it can't be told: another machine or boot, or no file
    that we may read."""
    place, _, file_name = name.rpartition("/")
    if place != _here() or not file_name.endswith(".journal"):
        return None
    path = _directory() / file_name
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return DeadJournal(path, fd)


def remove_stale(needed: Collection[str]) -> None:
    """Files of owners that are gone and that no batch in `needed`, names of journals, waits for."""
    for path in _directory().glob("*.journal"):
        name = f"{_here()}/{path.name}"
        if path.stat().st_mtime > time.time() - STALE_SECONDS or name in needed:
            continue
        dead = open_dead(name)
        if dead is not None:
            dead.close(remove=True)
