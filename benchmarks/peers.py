"""A peer at the same work, installed into an environment of its own when it is asked for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import HERE, ROOT
from benchmarks.services import own_database

COUNT = 5_000
DATABASE = "volley_bench_peer"
REQUIREMENTS = ("django-post_office>=3.10", "django>=5.2,<5.3", "psycopg[binary]>=3.3")


class Unavailable(Exception):
    """The peer could not be installed."""


class Peer(NamedTuple):
    """`rate` is in messages/s, `cpu` its own microseconds a message."""

    version: str
    rate: float
    cpu: float


def _uv() -> str:
    ours = (ROOT / ".uv" / "env" / "bin" / "uv", ROOT / ".uv" / "folder" / "bin" / "uv")
    found = next((str(path) for path in ours if path.exists()), None) or shutil.which("uv")
    if found is None:
        raise Unavailable("there is no uv; bin/bootstrap brings it")
    return found


def install(folder: Path) -> Path:
    """The Python of an environment that has the peer. Raises Unavailable."""
    uv, environment = _uv(), folder / "peer"
    python = environment / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(done.stderr.strip()[-500:])
    return python


def measure(python: Path, port: int) -> Peer:
    """Queues and sends COUNT messages to the receiver at this port. Raises Unavailable when it fails."""
    with own_database(DATABASE) as database_url:
        command = [str(python), str(HERE / "post_office_peer.py"), database_url, str(port), str(COUNT)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(done.stderr.strip()[-1500:])
    answer = json.loads(done.stdout.splitlines()[-1])
    return Peer(_version(python), answer["rate"], answer["cpu"])


def _version(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('django-post_office'))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
