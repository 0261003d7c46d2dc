"""The scenarios, in the order of the table."""

import argparse
import os
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from django.db import connection

from benchmarks import bare, fairness, imports, ingest, peers, planning, rendering, segments, triggers, yardstick
from benchmarks.delivery import Bench, Run, own, rate, told
from benchmarks.http_service import nginx, nginx_binary
from benchmarks.processes import Process, debian_sink, product, sink, smtp_sink
from benchmarks.report import Row, Table, machine, say, spread
from benchmarks.services import postmaster
from benchmarks.world import World, forget_heartbeats, html, make_world, tidy

PROCESSES = 2
WARM_UP = 10_000
SMALL = 1
LATENCY_SIZE = 20_000
LATENCY_MS = 20
LATENCY_CONNECTIONS = 16
BARS_US = {"data": 50.0, "bdat": 38.0, "debian": 55.0, "http": 55.0, "batch": 12.0}
HTTP_KINDS = {"http": "http", "batch": "http_batch"}
CAPS_BAR = 1.15
QUIET_BAR = 1.1
BARE_BAR = 0.6
FIXED_BAR_SECONDS = 2.0
MEMORY_BAR_MB = 200.0
SPEEDUP_BAR = 1.8
LATENCY_CPU_BAR = 1.1
NAMES = {
    "data": "whole system, SMTP pipelined DATA",
    "bdat": "whole system, BDAT",
    "debian": "whole system, Debian's smtp-sink",
    "http": "whole system, email by HTTP to nginx, one message a request",
    "batch": "whole system, email by HTTP to nginx, 1,000 messages a request",
}

Receiver = tuple[Process, int]


class Suite:
    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self._runs: int = chosen.runs
        self._size: int = chosen.size
        self._large: int = chosen.large
        self._only: set[str] = set(chosen.only)
        self._folder = folder
        self._table = Table()
        self._database_url = os.environ["DATABASE_URL"]
        self._postmaster = postmaster(self._database_url)
        self._yardstick = [yardstick.turn_nanoseconds()]

    def run(self) -> None:
        where = machine(self._database_url)
        say(where)
        if "render" in self._only:
            rendering.measure(self._table, runs=self._runs)
        if self._only - {"render", "imports", "peers"}:
            self._deliveries()
        if "imports" in self._only:
            imports.measure(self._table, self._folder, rows=self._large, runs=self._runs)
        if "peers" in self._only:
            self._peer()
        print(f"\n{where}; {yardstick.words(self._yardstick)}\n\n{self._table.markdown()}", flush=True)

    def _deliveries(self) -> None:
        sizes = sorted(self._sizes())
        say(f"making {sizes[-1]:,} contacts")
        world = make_world(sizes)
        tidy()
        if "plan" in self._only:
            planning.measure(self._table, world, size=self._large, runs=self._runs)
            planning.measure_local(self._table, world, size=self._large, runs=self._runs)
        if "segment" in self._only:
            segments.measure(self._table, world, runs=self._runs)
        if self._only & {*BARS_US, "caps", "quiet", "bare", "small"}:
            self._whole_system(world)
        if "memory" in self._only:
            self._memory(world)
        if "latency" in self._only:
            self._latency(world)
        if "fairness" in self._only:
            self._fairness(world)
        if "ingest" in self._only:
            ingest.measure(self._table, world, self._folder, runs=self._runs)
        if "triggers" in self._only:
            self._triggers(world)
        connection.close()

    def _sizes(self) -> set[int]:
        sizes = {SMALL, WARM_UP, self._size}
        if "fairness" in self._only:
            sizes.add(fairness.SMALL)
        if self._only & {"plan", "segment", "memory", "fairness", "triggers"}:
            sizes.add(self._large)
        if "latency" in self._only:
            sizes.add(LATENCY_SIZE)
        return sizes

    def _whole_system(self, world: World) -> None:
        with ExitStack() as stack:
            receivers = self._receivers(stack)
            forget_heartbeats()
            bench = Bench(world, stack.enter_context(product(self._folder, workers=PROCESSES)), self._postmaster)
            process, port = receivers["data"]
            world.aim_at(port)
            told("warm-up", bench.deliver(WARM_UP, process))
            if self._only & {*BARS_US, "caps", "quiet", "bare"}:
                self._interleaved(bench, receivers)
            if "small" in self._only:
                self._fixed_cost(bench, receivers["data"])

    def _receivers(self, stack: ExitStack) -> dict[str, Receiver]:
        """`data` is always there: others are compared with it."""
        receivers = {"data": stack.enter_context(sink(self._folder, "--no-chunking"))}
        if "bdat" in self._only:
            receivers["bdat"] = stack.enter_context(sink(self._folder))
        if "debian" in self._only:
            binary = debian_sink()
            if binary is None:
                say("smtp-sink is not installed (Debian's package postfix brings it): left out")
            else:
                receivers["debian"] = stack.enter_context(smtp_sink(binary, self._folder))
        if self._only & set(HTTP_KINDS):
            binary = nginx_binary()
            if binary is None:
                say("nginx is not installed (Debian's package nginx-light brings it): left out")
            else:
                service = stack.enter_context(nginx(binary, self._folder))
                receivers |= {name: service for name in HTTP_KINDS if name in self._only}
        receivers |= {name: receivers["data"] for name in ("caps", "quiet") if name in self._only}
        return receivers

    def _interleaved(self, bench: Bench, receivers: dict[str, Receiver]) -> None:
        runs: dict[str, list[Run]] = defaultdict(list)
        bare_runs: list[bare.Sent] = []
        for _ in range(self._runs):
            self._yardstick.append(yardstick.turn_nanoseconds())
            for name, (process, port) in receivers.items():
                bench.world.limit(on=name == "caps")
                bench.world.rest(on=name == "quiet")
                if name in HTTP_KINDS:
                    bench.world.aim_at_http(port, kind=HTTP_KINDS[name])
                else:
                    bench.world.aim_at(port)
                runs[name].append(told(name, bench.deliver(self._size, process)))
            if "bare" in self._only:
                sent = bare.measure(receivers["data"][1], self._size, html(), processes=PROCESSES)
                say(f"  bare: {sent.rate:,.0f}/s; CPU {sent.cpu:.1f} µs a message")
                bare_runs.append(sent)
        bench.world.limit(on=False)
        bench.world.rest(on=False)
        for name in BARS_US:
            if runs[name]:
                self._table.add(_whole_row(name, runs[name]))
        if runs["caps"]:
            self._table.add(_caps_row(runs["data"], runs["caps"]))
        if runs["quiet"]:
            self._table.add(_quiet_row(runs["data"], runs["quiet"]))
        if bare_runs:
            self._table.add(_bare_row(runs["data"], bare_runs))

    def _fixed_cost(self, bench: Bench, receiver: Receiver) -> None:
        process, port = receiver
        bench.world.aim_at(port)
        seconds = [bench.deliver(SMALL, process, every=0.01).seconds for _ in range(max(self._runs, 10))]
        self._table.add(
            Row(
                "fixed cost of an execution (1 recipient, request to `finished`)",
                f"≤ {FIXED_BAR_SECONDS:g} s",
                f"{spread(seconds, '.2f')} s",
                median(seconds) <= FIXED_BAR_SECONDS,
            )
        )

    def _memory(self, world: World) -> None:
        """In one worker's life, from small to large, with the slope of its CPU."""
        with ExitStack() as stack:
            process, port = stack.enter_context(sink(self._folder, "--no-chunking"))
            forget_heartbeats()
            bench = Bench(world, stack.enter_context(product(self._folder, workers=PROCESSES)), self._postmaster)
            world.aim_at(port)
            sizes = sorted({WARM_UP, self._size, self._large})
            runs = [bench.with_memory(told("memory", bench.deliver(size, process))) for size in sizes]
        self._table.add(_memory_row(runs))
        if len(runs) > 1:
            self._table.add(_slope_row(runs[-2], runs[-1]))

    def _latency(self, world: World) -> None:
        runs: dict[int, list[Run]] = {1: [], 2: []}
        with sink(self._folder, "--no-chunking", "--latency", str(LATENCY_MS)) as (process, port):
            world.aim_at(port, connections=LATENCY_CONNECTIONS)
            for _ in range(self._runs):
                for workers, found in runs.items():
                    forget_heartbeats()
                    with product(self._folder, workers=workers) as running:
                        bench = Bench(world, running, self._postmaster)
                        bench.deliver(SMALL, process)
                        found.append(told(f"{workers} processes", bench.deliver(LATENCY_SIZE, process)))
        self._table.add(_latency_row(runs[1], runs[2]))

    def _fairness(self, world: World) -> None:
        with ExitStack() as stack:
            process, port = stack.enter_context(sink(self._folder, "--no-chunking"))
            forget_heartbeats()
            bench = Bench(world, stack.enter_context(product(self._folder, workers=PROCESSES)), self._postmaster)
            world.aim_at(port)
            fairness.measure(self._table, bench, process, large=self._large, runs=self._runs)

    def _triggers(self, world: World) -> None:
        with sink(self._folder, "--no-chunking") as (process, port):
            world.aim_at(port)
            forget_heartbeats()
            with product(self._folder, workers=PROCESSES) as running:
                triggers.measure_latency(self._table, Bench(world, running, self._postmaster), process)
            tidy()
            forget_heartbeats()
            triggers.measure_backlog(
                self._table,
                world,
                self._folder,
                process,
                events=self._large,
                broadcast=self._size,
                postmaster=self._postmaster,
            )

    def _peer(self) -> None:
        """Interleaving would say nothing: it is more than ten times slower."""
        try:
            python = peers.install(self._folder)
            with sink(self._folder, "--no-chunking") as (_process, port):
                measured = [peers.measure(python, port) for _ in range(self._runs)]
        except peers.Unavailable as unavailable:
            say(f"django-post_office is left out: {unavailable}")
            return
        self._table.add(
            Row(
                f"django-post_office {measured[0].version}, steady rate",
                "",
                f"{spread([one.rate for one in measured], ',.0f')} messages/s",
                None,
                f"{median(one.cpu for one in measured):,.0f} µs a message, {peers.COUNT:,} queued beforehand",
            )
        )


def _whole_row(name: str, runs: list[Run]) -> Row:
    bar = BARS_US[name]
    return Row(
        f"{NAMES[name]}, {runs[0].size:,} recipients",
        f"≤ {bar:g} µs",
        f"{spread([run.own for run in runs])} µs",
        own(runs) <= bar,
        f"{spread([run.rate for run in runs], ',.0f')} messages/s; PostgreSQL "
        f"{median(run.database for run in runs):.1f} µs, receiver {median(run.receiver for run in runs):.1f} µs",
    )


def _caps_row(off: list[Run], on: list[Run]) -> Row:
    ratio = median(run.everything for run in on) / median(run.everything for run in off)
    return Row(
        "frequency caps on, all CPU including PostgreSQL",
        f"≤ {CAPS_BAR:g} × caps off",
        f"{ratio:.2f} ×",
        ratio <= CAPS_BAR,
        f"{median(run.everything for run in on):.1f} µs against {median(run.everything for run in off):.1f} µs; "
        f"own {own(on):.1f} µs, {rate(on):,.0f} messages/s",
    )


def _quiet_row(off: list[Run], on: list[Run]) -> Row:
    ratio = median(run.everything for run in on) / median(run.everything for run in off)
    return Row(
        "quiet hours on, all CPU including PostgreSQL",
        f"≤ {QUIET_BAR:g} × quiet hours off",
        f"{ratio:.2f} ×",
        ratio <= QUIET_BAR,
        f"{median(run.everything for run in on):.1f} µs against {median(run.everything for run in off):.1f} µs",
    )


def _bare_row(whole: list[Run], sent: list[bare.Sent]) -> Row:
    bare_rate = median(one.rate for one in sent)
    ratio = rate(whole) / bare_rate
    return Row(
        "the whole system's rate against bare pipelined sending of ready messages",
        f"≥ {BARE_BAR:g} expected",
        f"{ratio:.2f}",
        ratio >= BARE_BAR,
        f"bare {bare_rate:,.0f} messages/s at {median(one.cpu for one in sent):.1f} µs",
    )


def _memory_row(runs: list[Run]) -> Row:
    measured = ", ".join(f"{run.size:,}: {run.peak:.0f} MB" for run in runs)
    largest = max(run.peak for run in runs)
    return Row("memory of a worker's child, peak RSS", f"≤ {MEMORY_BAR_MB:g} MB", measured, largest <= MEMORY_BAR_MB)


def _slope_row(small: Run, large: Run) -> Row:
    slope = (large.own * large.size - small.own * small.size) / (large.size - small.size)
    return Row(
        f"slope of own CPU from {small.size:,} to {large.size:,} recipients, one run each",
        f"≤ {BARS_US['data']:g} µs",
        f"{slope:.1f} µs a further message",
        slope <= BARS_US["data"],
        f"{large.size:,} in {large.seconds:.0f} s, {large.rate:,.0f} messages/s",
    )


def _latency_row(one: list[Run], two: list[Run]) -> Row:
    speedup, cpu = rate(two) / rate(one), own(two) / own(one)
    return Row(
        f"two worker processes against one, receiver with {LATENCY_MS} ms latency",
        f"rate ≥ {SPEEDUP_BAR:g} ×, CPU ≤ {LATENCY_CPU_BAR:g} ×",
        f"rate {speedup:.2f} ×, CPU {cpu:.2f} ×",
        speedup >= SPEEDUP_BAR and cpu <= LATENCY_CPU_BAR,
        f"{rate(one):,.0f} and {rate(two):,.0f} messages/s over {LATENCY_CONNECTIONS} connections a process",
    )
