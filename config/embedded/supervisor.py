"""Starts, watches, restarts and stops the commands of one stack. One thread; every wait also hears signals."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from config.embedded import keeper
from config.embedded.kept import Command, Kept, tail
from config.embedded.postgres import Run
from config.embedded.refusal import Refusal, StopRequested
from config.embedded.state import PROJECT, Lock, State

POLL_SECONDS = 0.05
WATCH_SECONDS = 1.0
START_ATTEMPTS = 5
SERVICE_START_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0


class Service(Protocol):
    """An embedded server that a URL in the environment replaces."""

    name: str
    variable: str

    @property
    def url(self) -> str: ...
    def prepare(self, run: Run) -> None: ...
    def move(self) -> None: ...
    def command(self) -> Command: ...
    def answers(self) -> bool: ...


class Watched:
    """A command that is to run until the stack stops, and what its restarts have been."""

    def __init__(self, make: Callable[[], Command], launch: Callable[[Command], Kept]):
        self._make = make
        self._launch = launch
        self.kept = launch(make())
        self._started = time.monotonic()
        self._backoff = FIRST_BACKOFF_SECONDS
        self.due: float | None = None

    def died(self) -> int | None:
        """Its exit code, once per death; sets when it is due again, later after each death in a row."""
        code = None if self.due is not None else self.kept.exit_code()
        if code is None:
            return None
        self.kept.forget()
        if time.monotonic() - self._started > STEADY_SECONDS:
            self._backoff = FIRST_BACKOFF_SECONDS
        self.due = time.monotonic() + self._backoff
        self._backoff = min(2 * self._backoff, LONGEST_BACKOFF_SECONDS)
        return code

    def restart_if_due(self) -> bool:
        if self.due is None or time.monotonic() < self.due:
            return False
        self.kept, self.due, self._started = self._launch(self._make()), None, time.monotonic()
        return True


class Supervisor:
    def __init__(self, state: State, lock: Lock, *, say: Callable[[str], None] = print):
        self._state = state
        self._lock = lock
        self.say = say
        self.environment: dict[str, str] = {}
        self._watched: dict[str, Watched] = {}
        self._order: list[list[str]] = []
        self._signals: list[int] = []
        self._foreground_pid = 0
        self._woken = -1
        self._stopping = False

    @contextlib.contextmanager
    def hearing_signals(self) -> Iterator[None]:
        """From here on SIGINT, SIGTERM and SIGHUP end the next wait with StopRequested."""
        keeper.adopt_orphans()
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._heard) for number in numbers}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup_before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._woken)
            os.close(wake)

    def _heard(self, number: int, _: object) -> None:
        self._signals.append(number)

    def wait(self, seconds: float) -> None:
        """Until something happens (a child ended, a signal came), at most `seconds`."""
        if self._signals and not self._stopping:
            raise StopRequested
        if select.select([self._woken], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 512)
        if self._signals and not self._stopping:
            raise StopRequested

    def _launch(self, command: Command, output: Path | None = None) -> Kept:
        joined = Command(
            command.name,
            command.argv,
            command.stop_signal,
            command.grace_seconds,
            command.account,
            {**self.environment, **command.environment},
        )
        return Kept(
            joined,
            folder=PROJECT,
            log=self._state.log(command.name),
            lock_descriptor=self._lock.descriptor,
            output=output,
        )

    def run(self, command: Command, output: Path | None = None) -> None:
        """Run a command to its end; raises Refusal with the end of its log when it fails."""
        self._state.log(command.name).unlink(missing_ok=True)
        kept = self._launch(command, output)
        try:
            while (code := kept.exit_code()) is None:
                self.wait(WATCH_SECONDS)
        except StopRequested:
            kept.end()
            raise
        finally:
            kept.forget()
        if code != 0:
            raise Refusal(f"{command.name} failed ({code}):\n{tail(kept.log)}\n(all of it: {kept.log})")

    def start_services(self, services: Sequence[Service]) -> None:
        """Start them together and wait until all answer; their URLs join the environment of what comes after."""
        for service in services:
            service.prepare(self.run)
        if services:
            self._order.append([service.name for service in services])
        for service in services:
            self._watched[service.name] = Watched(self._prepared(service), self._launch)
        for service in services:
            self._await(service)
            self.environment[service.variable] = service.url

    def _prepared(self, service: Service) -> Callable[[], Command]:
        def make() -> Command:
            service.prepare(self.run)
            return service.command()

        return make

    def _await(self, service: Service) -> None:
        """Until it answers. One that ends at once may have lost its port to another program: it gets a new one."""
        attempts, deadline = 1, time.monotonic() + SERVICE_START_SECONDS
        watched = self._watched[service.name]
        while True:
            if watched.died() is not None:
                if attempts == START_ATTEMPTS:
                    raise Refusal(f"{service.name} does not start:\n{tail(self._state.log(service.name))}")
                attempts += 1
                service.move()
            elif not watched.restart_if_due() and watched.due is None and service.answers():
                return
            if time.monotonic() > deadline:
                raise Refusal(f"{service.name} does not answer:\n{tail(self._state.log(service.name))}")
            self.wait(POLL_SECONDS)

    def start_processes(self, commands: Sequence[Command]) -> None:
        self._order.append([command.name for command in commands])
        for command in commands:
            self._watched[command.name] = Watched(lambda command=command: command, self._launch)  # type: ignore[misc]

    def await_ready(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Until `ready`; a process that ends before is a failed start, not something to restart."""
        deadline = time.monotonic() + seconds
        while not ready():
            for name, watched in self._watched.items():
                if (code := watched.died()) is not None:
                    raise Refusal(f"{name} ended while starting ({code}):\n{tail(self._state.log(name))}")
            if time.monotonic() > deadline:
                raise Refusal(f"{what} does not answer after {seconds:.0f} s; see {self._state.logs}")
            self.wait(POLL_SECONDS)

    def restart_the_dead(self) -> None:
        for name, watched in self._watched.items():
            if (code := watched.died()) is not None:
                self.say(f"{name} ended ({code}); starting it again. See {self._state.log(name)}")
                self._end_adopted()
            watched.restart_if_due()

    def _end_adopted(self) -> None:
        """A keeper that was itself killed leaves its command to us."""
        ours = {watched.kept.pid for watched in self._watched.values() if watched.due is None}
        ours.add(self._foreground_pid)
        tree = keeper.parents()
        adopted = [pid for pid, parent in tree.items() if parent == os.getpid() and pid not in ours]
        if adopted:
            keeper.end(
                [*adopted, *(below for pid in adopted for below in keeper.descendants(pid))], signal.SIGTERM, 5.0
            )

    def watch(self) -> None:
        """Keep everything running until a signal comes (raises StopRequested)."""
        while True:
            self.restart_the_dead()
            self.wait(WATCH_SECONDS)

    def foreground(self, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command on this terminal beside the services; answers its exit code. Ctrl-C is for it to handle."""
        process = subprocess.Popen(
            argv,
            cwd=PROJECT,
            env={**os.environ, **self.environment, **environment},
            preexec_fn=keeper.die_with_parent(signal.SIGTERM),
        )
        self._foreground_pid, asked = process.pid, 0
        while process.poll() is None:
            try:
                self.restart_the_dead()
                self.wait(WATCH_SECONDS)
            except StopRequested:
                if self._signals != [signal.SIGINT]:
                    process.send_signal(signal.SIGKILL if asked else signal.SIGTERM)
                    asked += 1
                self._signals.clear()
        return process.returncode

    def stop(self) -> None:
        """Stop everything, last started first; a second Ctrl-C meanwhile kills instead of asking."""
        self._stopping = True
        self._signals.clear()
        for names in reversed(self._order):
            running = [self._watched[name].kept for name in names if name in self._watched]
            running = [kept for kept in running if kept.exit_code() is None]
            for kept in running:
                kept.stop()
            while any(kept.exit_code() is None for kept in running):
                if signal.SIGINT in self._signals:
                    for kept in running:
                        kept.kill()
                self.wait(WATCH_SECONDS)
