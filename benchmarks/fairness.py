"""What a huge campaign costs the others: a small one beside it, and one message that should go first."""

import time
from statistics import median

from benchmarks.delivery import Bench
from benchmarks.processes import Process
from benchmarks.report import Row, Table, say, spread

SMALL = 1_000
ONE = 1
URGENT = 30
FACTOR = 2.0
SLACK_SECONDS = 3.0
POLL_SECONDS = 0.02
BEGUN_SECONDS = 600.0


def measure(table: Table, bench: Bench, receiver: Process, *, large: int, runs: int) -> None:
    """The same small campaign alone, while the large one is planned, and while it is delivered. Ends with a cancel."""
    bench.deliver(SMALL, receiver, every=POLL_SECONDS)
    alone = [_seconds(bench, SMALL, receiver) for _ in range(runs)]
    urgent_alone = [_seconds(bench, ONE, receiver, purpose="transactional") for _ in range(runs)]
    say(f"  {SMALL:,} alone: {spread(alone, '.2f')} s")
    execution_id = bench.api.execute(bench.api.create(bench.world.template_id), bench.world.lists[large])
    planned = _seconds(bench, SMALL, receiver) if _state(bench, execution_id)["state"] == "planning" else None
    _await_delivery(bench, execution_id)
    beside: list[float] = []
    urgent: list[float] = []
    while len(urgent) < URGENT and _goes_on(bench, execution_id):
        if len(beside) < runs:
            beside.append(_seconds(bench, SMALL, receiver))
        if _goes_on(bench, execution_id):
            urgent.append(_seconds(bench, ONE, receiver, purpose="transactional"))
    if len(beside) < runs or len(urgent) < runs:
        raise RuntimeError(f"The large campaign of {large:,} ended too early: give it more recipients with --large.")
    table.add(_fair_row(large, alone, beside, planned))
    table.add(_urgent_row(large, urgent_alone, urgent))
    if _goes_on(bench, execution_id):
        bench.api.cancel(execution_id)
    bench.api.wait(execution_id, every=0.5)


def _seconds(bench: Bench, size: int, receiver: Process, *, purpose: str = "marketing") -> float:
    return bench.deliver(size, receiver, every=POLL_SECONDS, purpose=purpose).seconds


def _state(bench: Bench, execution_id: int) -> dict[str, object]:
    found: dict[str, object] = bench.api.execution(execution_id)
    return found


def _goes_on(bench: Bench, execution_id: int) -> bool:
    return _state(bench, execution_id)["state"] == "running"


def _await_delivery(bench: Bench, execution_id: int) -> None:
    ends = time.monotonic() + BEGUN_SECONDS
    while bench.api.execution(execution_id)["counts"]["sent"] == 0:
        if time.monotonic() > ends:
            raise TimeoutError(f"Execution {execution_id} sent nothing within {BEGUN_SECONDS:g} s.")
        time.sleep(0.2)


def _fair_row(large: int, alone: list[float], beside: list[float], planned: float | None) -> Row:
    bar = FACTOR * median(alone) + SLACK_SECONDS
    worst = max(beside + ([] if planned is None else [planned]))
    meanwhile = "" if planned is None else f"; while it was planned {planned:.2f} s"
    return Row(
        f"{SMALL:,} recipients beside {large:,} that are delivered",
        f"every run ≤ {FACTOR:g} × alone + {SLACK_SECONDS:g} s",
        f"{spread(beside, '.2f')} s",
        worst <= bar,
        f"alone {spread(alone, '.2f')} s{meanwhile}",
    )


def _urgent_row(large: int, alone: list[float], beside: list[float]) -> Row:
    ordered = sorted(beside)
    last = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return Row(
        f"a transactional execution of 1 recipient beside {large:,}, request to `finished`",
        "",
        f"p50 {median(ordered):.2f} s, p99 {last:.2f} s",
        None,
        f"{len(ordered)} of them; alone {spread(alone, '.2f')} s",
    )
