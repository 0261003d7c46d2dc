"""`make bench`, or `python -m benchmarks` with DATABASE_URL and REDIS_URL set; ARGS="--quick" for a first look."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept import is_kept, keep
from benchmarks.processes import ROOT, compile_sink
from benchmarks.services import DATABASE, Busy, own_database, own_index

SCENARIOS = {
    "render": "rendering the bench template",
    "plan": "planning the large list",
    "segment": "counting segments of two conditions over as many contacts",
    "data": "the whole system to a receiver with PIPELINING",
    "bdat": "the same where CHUNKING is offered",
    "debian": "the same to Debian's smtp-sink",
    "http": "the same as HTTP requests to nginx, one message each",
    "batch": "the same as HTTP requests to nginx, 1,000 messages each",
    "caps": "frequency caps on against off",
    "quiet": "quiet hours on against off",
    "bare": "bare sending of ready messages, as a reference",
    "small": "the fixed cost of an execution",
    "memory": "memory of a worker's child, and the slope up to the large list",
    "latency": "two worker processes against one, receiver with 20 ms latency",
    "fairness": "a small campaign, and one message, beside the large list",
    "ingest": "events by HTTP",
    "triggers": "messages upon events, at 500 a second and from a backlog",
    "imports": "importing a file of contacts over the API, as many as the large list",
    "peers": "django-post_office, installed into an environment of its own",
}
NOT_BY_DEFAULT = {"peers"}
FULL = (5, 100_000, 1_000_000)
QUICK = (3, 10_000, 100_000)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, help="of each scenario, interleaved; medians are shown (5)")
    parser.add_argument("--size", type=int, help="recipients of a delivery (100,000)")
    parser.add_argument("--large", type=int, help="recipients planned, and of the memory's last run (1,000,000)")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--peers", action="store_true", help="measure django-post_office too (needs the network)")
    parser.add_argument("--quick", action="store_true", help="3 runs of 10,000, and 100,000 as the large list")
    parser.add_argument("--redis-index", type=int, default=10, help="an empty one, on the server of REDIS_URL")
    parser.add_argument("--database", default=DATABASE, help="dropped and created on the server of DATABASE_URL")
    chosen = parser.parse_args(given)
    runs, size, large = QUICK if chosen.quick else FULL
    chosen.runs = chosen.runs or runs
    chosen.size = chosen.size or size
    chosen.large = chosen.large or large
    if chosen.only is None:
        wanted = set(SCENARIOS) - NOT_BY_DEFAULT
        chosen.only = [name for name in SCENARIOS if name in wanted or (name == "peers" and chosen.peers)]
    return chosen


def main() -> int:
    chosen = arguments()
    for name in ("DATABASE_URL", "REDIS_URL"):
        if not os.environ.get(name):
            print(f"{name} is not set; `make bench` sets it.", file=sys.stderr)
            return 2
    try:
        with (
            tempfile.TemporaryDirectory(prefix="volley-bench-") as folder,
            own_database(chosen.database) as database_url,
            own_index(chosen.redis_index) as redis_url,
        ):
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "VOLLEY_ENV": "development",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "VOLLEY_STATE_DIR": folder,
            }
            run(chosen, Path(folder))
    except Busy as busy:
        print(busy, file=sys.stderr)
        return 1
    return 0


def run(chosen: argparse.Namespace, folder: Path) -> None:
    """With the environment set: only now can anything of Django be imported."""
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    compile_sink(folder)
    import django

    django.setup()
    from benchmarks.suite import Suite

    Suite(chosen, folder).run()


if __name__ == "__main__":
    sys.exit(main() if is_kept() else keep("benchmarks"))
