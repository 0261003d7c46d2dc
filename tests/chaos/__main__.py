"""`make chaos`: real processes, real faults, and a row for each. ARGS="--short", "--seed 7 --only worker-kill"."""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks.kept import is_kept, keep
from tests.chaos.services import own_servers

# A retry that waits for an hour in production waits for a second here.
RETRY_DELAYS = ",".join(["1"] * 8)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run (its rows show it)")
    parser.add_argument("--only", nargs="+", metavar="FAULT", help="these faults alone; --list names them")
    parser.add_argument("--short", action="store_true", help="the form that CI has time for")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave logs, database and accepted addresses there")
    return parser.parse_args(given)


def main() -> int:
    chosen = arguments()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VOLLEY_ENV": "development",
        "VOLLEY_RETRY_DELAYS": RETRY_DELAYS,
    }
    if chosen.list:
        _set_up().show_faults()
        return 0
    with tempfile.TemporaryDirectory(prefix="volley-chaos-") as temporary:
        return _run(chosen, chosen.keep.absolute() / f"run-{os.getpid()}" if chosen.keep else Path(temporary))


def _run(chosen: argparse.Namespace, folder: Path) -> int:
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    seed = random.randrange(10_000) if chosen.seed is None else chosen.seed
    with own_servers(folder) as (postgres, valkey):
        os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "VOLLEY_STATE_DIR": str(folder)}
        run: int = _set_up().Run(chosen, seed=seed, folder=folder, begun=begun).run(postgres, valkey)
        return run


def _set_up() -> ModuleType:
    """Only with the environment set can anything of Django be imported."""
    import django

    django.setup()
    from tests.chaos import run

    return run


if __name__ == "__main__":
    sys.exit(main() if "--list" in sys.argv or is_kept() else keep("tests.chaos"))
