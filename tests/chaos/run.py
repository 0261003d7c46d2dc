"""Runs the chosen faults, one after the other, on one rig, and prints what became of each."""

import argparse
import random
import subprocess
import time
import traceback
from pathlib import Path

from benchmarks.processes import ROOT, compile_sink
from benchmarks.report import machine, say
from tests.chaos.audit import Row
from tests.chaos.faults import FAULTS
from tests.chaos.rig import Rig, running
from tests.chaos.scene import Fault, Omitted, Scene
from tests.chaos.services import Server

HEADINGS = (
    "fault", "seed", "audience", "sent", "skipped", "failed", "unknown", "lost", "duplicates", "unknown bound",
    "recovery begins after", "ok", "beside",
)  # fmt: skip


class Run:
    """Django is set up for the servers by now."""

    def __init__(self, chosen: argparse.Namespace, *, seed: int, folder: Path, begun: float) -> None:
        self._chosen = chosen
        self._seed = seed
        self._folder = folder
        self._begun = begun
        self._rows: list[Row] = []

    def run(self, postgres: Server, valkey: Server) -> int:
        """The exit code."""
        wanted = wanted_faults(self._chosen)
        compile_sink(self._folder)
        with running(self._folder, postgres, valkey) as rig:
            say(f"{machine(rig.postgres.url)}; commit {commit()}; seed {self._seed}")
            for one in wanted:
                self._rows.append(self._do(rig, one))
        return self._conclude()

    def _do(self, rig: Rig, one: Fault) -> Row:
        """Its dice depend on seed and name alone: a fault does the same by itself as among others."""
        say(f"{one.name}: {one.about}")
        begun = time.monotonic()
        name = f"{self._seed} {one.name}"
        scene = Scene(rig, random.Random(name), self._chosen.short, name)
        try:
            rig.heal()
            row = one.do(scene)
        except Omitted as omitted:
            row = Row(omitted=True, note=f"left out: {omitted}", wrong=[str(omitted)] if omitted.fatal else [])
        except Exception as error:
            row = Row(wrong=[f"{type(error).__name__}: {error}", traceback.format_exc()])
        row.fault, row.seed = one.name, self._seed
        say(f"  {' | '.join(cells(row))} ({time.monotonic() - begun:.0f} s)")
        for words in row.wrong:
            say(f"  WRONG: {words}")
        if row.wrong:
            say(f'  Logs: {self._folder}; again: make chaos ARGS="--seed {self._seed} --only {one.name}"')
        return row

    def _conclude(self) -> int:
        print(f"\n| {' | '.join(HEADINGS)} |\n|{' --- |' * len(HEADINGS)}")
        for row in self._rows:
            print(f"| {' | '.join(cells(row))} |")
        failed = [row.fault for row in self._rows if not row.ok]
        seconds = time.monotonic() - self._begun
        if failed:
            print(f"\nChaos: {len(failed)} of {len(self._rows)} faults failed in {seconds:.0f} s: {', '.join(failed)}")
        else:
            print(f"\nChaos: {len(self._rows)} faults passed in {seconds:.0f} s.", flush=True)
        return 1 if failed else 0


def show_faults() -> None:
    for one in FAULTS.values():
        print(f"{one.name:24}{'' if one.short else '(long form only) '}{one.about}")


def wanted_faults(chosen: argparse.Namespace) -> list[Fault]:
    if chosen.only is None:
        return [one for one in FAULTS.values() if one.short or not chosen.short]
    if unknown := set(chosen.only) - FAULTS.keys():
        raise SystemExit(f"No such fault: {', '.join(sorted(unknown))}. There are: {', '.join(FAULTS)}.")
    return [FAULTS[name] for name in chosen.only]


def cells(row: Row) -> list[str]:
    recovery = "–" if row.recovery is None else f"{row.recovery:.1f} s"
    outcomes = [row.counts[name] for name in ("sent", "skipped", "failed", "unknown")]
    figures = [row.seed, row.audience, *outcomes, row.lost, row.duplicates, row.unknown_bound]
    return [row.fault, *map(str, figures), recovery, _verdict(row), row.note]


def _verdict(row: Row) -> str:
    return "**NO**" if row.wrong else "–" if row.omitted else "yes"


def commit() -> str:
    """Of the code that is run, with a mark where it was changed since."""
    found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"
