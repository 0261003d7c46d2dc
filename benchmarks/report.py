"""What was measured, as a table: the bar, the figure, whether it was reached."""

import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg


@dataclass(frozen=True)
class Row:
    """`reached` None: recorded without a bar."""

    what: str
    bar: str
    measured: str
    reached: bool | None
    beside: str = ""


@dataclass
class Table:
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Shown at once: a long run that is stopped has told what it knew."""
        self.rows.append(row)
        say(f"{row.what}: {row.measured} (bar: {row.bar or 'none'}; {_verdict(row)}) {row.beside}")

    def markdown(self) -> str:
        lines = ["| what | bar | measured | reached | beside |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {r.what} | {r.bar} | {r.measured} | {_verdict(r)} | {r.beside} |" for r in self.rows]
        return "\n".join(lines)


def _verdict(row: Row) -> str:
    return "recorded" if row.reached is None else "yes" if row.reached else "**no**"


def say(words: str) -> None:
    print(f"[{datetime.now(UTC):%H:%M:%S}] {words}", flush=True)


def spread(values: Sequence[float], form: str = ".1f") -> str:
    """Median (least–most)."""
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:{form}} ({least:{form}}–{most:{form}})"


def machine(database_url: str) -> str:
    """What the figures were measured on."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('shared_buffers')"
        ).fetchone()
    assert row is not None
    version, fsync, commit, buffers = row
    information = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in information if line.startswith("model name")]
    return (
        f"{len(models)} × {models[0] if models else platform.machine()}, Python {platform.python_version()}, "
        f"PostgreSQL {version} (fsync {fsync}, synchronous_commit {commit}, shared_buffers {buffers}), "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )
