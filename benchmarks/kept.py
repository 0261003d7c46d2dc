"""A command that leaves nothing behind: it runs below a keeper, which ends all of it, even if we are killed."""

import os
import signal
import subprocess
import sys

from config.embedded import keeper

KEPT = "VOLLEY_KEPT"
GRACE_SECONDS = 30


def is_kept() -> bool:
    """Whether this process is the one below the keeper; then SIGTERM ends it in order."""
    if KEPT not in os.environ:
        return False
    signal.signal(signal.SIGTERM, _end)
    return True


def keep(module: str) -> int:
    """Runs `python -m module` again with our arguments; answers its exit code."""
    listening, speaking = os.pipe()
    command = [sys.executable, "-I", "-S", keeper.__file__, str(int(signal.SIGTERM)), str(GRACE_SECONDS), "-"]
    process = subprocess.Popen(
        [*command, sys.executable, "-m", module, *sys.argv[1:]],
        stdin=listening,
        start_new_session=True,
        env={**os.environ, KEPT: module},
    )
    os.close(listening)
    signal.signal(signal.SIGTERM, lambda *_: os.close(speaking))
    try:
        return process.wait()
    except KeyboardInterrupt:
        os.close(speaking)
        return process.wait()


def _end(*_: object) -> None:
    raise SystemExit(143)
