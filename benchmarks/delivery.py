"""The whole system: from the API call to `finished`, planning included, a ledger row each."""

import time
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.api import Api
from benchmarks.clock import cpu_seconds, resident_mb, resident_peak_mb
from benchmarks.processes import Process, Product
from benchmarks.report import say
from benchmarks.world import World

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Run:
    """One execution. CPU is in microseconds a message; memory in MB, the greatest of the worker's children."""

    size: int
    seconds: float
    own: float
    web: float
    database: float
    receiver: float
    resident: float = 0.0
    peak: float = 0.0

    @property
    def rate(self) -> float:
        return self.size / self.seconds

    @property
    def everything(self) -> float:
        """Ours and PostgreSQL's."""
        return self.own + self.database


@dataclass(frozen=True)
class Bench:
    """What runs while deliveries are measured. `postmaster` is None where PostgreSQL is elsewhere."""

    world: World
    product: Product
    postmaster: int | None

    @property
    def api(self) -> Api:
        return Api(self.product.url, self.world.key)

    def deliver(self, size: int, receiver: Process, *, every: float = POLL_SECONDS, purpose: str = "marketing") -> Run:
        """Raises RuntimeError unless everyone was sent to."""
        campaign_id = self.api.create(self.world.template_id, purpose=purpose)
        before = self.cpu(receiver)
        begun = time.monotonic()
        execution = self.api.wait(self.api.execute(campaign_id, self.world.lists[size]), every=every)
        seconds = time.monotonic() - begun
        spent = [(after - earlier) / size * 1e6 for after, earlier in zip(self.cpu(receiver), before, strict=True)]
        if execution["state"] != "finished" or execution["counts"]["sent"] != size:
            raise RuntimeError(f"Execution {execution['execution_id']}: {execution['state']}, {execution['counts']}")
        return Run(size, seconds, *spent)

    def cpu(self, receiver: Process) -> tuple[float, float, float, float]:
        """Seconds so far: ours, the web's, PostgreSQL's, the receiver's."""
        database = 0.0 if self.postmaster is None else cpu_seconds(self.postmaster)
        return self.product.own_cpu_seconds, self.product.web.cpu_seconds, database, receiver.cpu_seconds

    def with_memory(self, run: Run) -> Run:
        children = self.product.worker.children
        return replace(run, resident=max(map(resident_mb, children)), peak=max(map(resident_peak_mb, children)))


def told(name: str, run: Run) -> Run:
    say(
        f"  {name}: {run.size:,} in {run.seconds:.1f} s, {run.rate:,.0f}/s; CPU µs a message: own {run.own:.1f}, "
        f"PostgreSQL {run.database:.1f}, receiver {run.receiver:.1f}, web {run.web:.1f}"
    )
    return run


def own(runs: list[Run]) -> float:
    return median(run.own for run in runs)


def rate(runs: list[Run]) -> float:
    return median(run.rate for run in runs)
