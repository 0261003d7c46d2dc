"""Brings the two services up, and on top of them the product or a single command."""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from config.embedded import processes, progress, suite
from config.embedded.kept import Command
from config.embedded.ports import require_free, web_port
from config.embedded.postgres import Postgres
from config.embedded.processes import Product
from config.embedded.refusal import Refusal, StopRequested
from config.embedded.state import Lock, State, state_folder, write_private
from config.embedded.supervisor import Service, Supervisor
from config.embedded.valkey import Valkey

READY_SECONDS = 90.0
BEGUN = time.monotonic()


def say(message: str) -> None:
    print(f"[{time.monotonic() - BEGUN:5.1f} s] {message}", flush=True)


def missing_services(state: State, *, durable: bool) -> list[Service]:
    """The embedded services that no URL in the environment replaces."""
    services: list[Service] = [Postgres(state, durable=durable), Valkey(state, durable=durable)]
    return [service for service in services if not os.environ.get(service.variable)]


@contextlib.contextmanager
def stack(state: State, *, durable: bool, port: int | None = None) -> Iterator[Supervisor]:
    """Take the folder's lock and run its services; on leaving, stop whatever then runs.

    Not durable: begins empty, and trades safety in a power cut for speed. Raises Refusal when it cannot be.
    """
    state.create()
    lock = Lock(state.lock_file)
    lock.take(port)
    if port is not None:
        require_free(port)
    state.environment.unlink(missing_ok=True)
    if not durable:
        state.forget()
        state.create()
    supervisor = Supervisor(state, lock, say=say)
    with supervisor.hearing_signals():
        try:
            services = missing_services(state, durable=durable)
            supervisor.start_services(services)
            if services:
                say(f"{' and '.join(service.name for service in services)} ready")
            yield supervisor
        finally:
            supervisor.stop()


def healthy(url: str) -> bool:
    """Asked directly: a proxy in the environment has no business on the loopback address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def set_up(supervisor: Supervisor, state: State, product: Product) -> None:
    """Run the steps whose sources changed. A database of one's own may have changed unseen: there, all of them."""
    context = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    context["VOLLEY_BASE_URL"] = supervisor.environment["VOLLEY_BASE_URL"]
    done = progress.done_before(state)
    for step in product.steps:
        name, wanted = step.command.name, progress.fingerprint(step, context)
        if done.get(name) == wanted and not context["DATABASE_URL"] and (step.makes is None or step.makes.exists()):
            continue
        supervisor.run(step.command, output=shown(state, step.command) if step.prints else None)
        progress.remember(state, step, wanted)
        say(f"{name} done")


def announce(supervisor: Supervisor, state: State, port: int) -> None:
    """Settle what every command of this stack has in its environment, and leave it for `exec` to find."""
    supervisor.environment.update(processes.environment(state, port))
    write_private(state.environment, json.dumps(supervisor.environment))


def shown(state: State, command: Command) -> Path:
    """Where the output of a step is kept, to be shown again at later starts."""
    return state.folder / f"{command.name}.txt"


def run_product(make: Callable[[State, int], Product] = processes.volley) -> int:
    """Everything up, until Ctrl-C or SIGTERM; answers the exit code."""
    state, port = State(state_folder(os.environ)), web_port(os.environ)
    with stack(state, durable=True, port=port) as supervisor:
        announce(supervisor, state, port)
        product = make(state, port)
        set_up(supervisor, state, product)
        supervisor.start_processes(product.processes)
        supervisor.await_ready(lambda: healthy(product.health_url), product.health_url, READY_SECONDS)
        say(f"Volley is ready at http://127.0.0.1:{port}/ (pid {os.getpid()}, logs in {state.logs}, Ctrl-C stops it)")
        for step in product.steps:
            if step.prints:
                print(shown(state, step.command).read_text(), flush=True)
        try:
            supervisor.watch()
        except StopRequested:
            say("stopping")
    say("stopped")
    return 0


def suite_state() -> State:
    """`make test` works beside a running product."""
    return State(state_folder(os.environ) / "test")


def run_suite(arguments: Sequence[str]) -> int:
    state = suite_state()
    command = suite.pytest_command(arguments, os.environ, say=say)
    with stack(state, durable=False) as supervisor:
        return supervisor.foreground(command, suite.environment(state, os.environ))


def run_beside(command: Sequence[str]) -> int:
    """Run a command with the environment of the running stack, or with services started just for it."""
    if not command:
        raise Refusal("Which command? For example: python -m config.embedded exec python manage.py shell")
    state = State(state_folder(os.environ))
    if Lock(state.lock_file).is_held() and state.environment.exists():
        os.environ.update(json.loads(state.environment.read_text()))
        os.execvp(command[0], list(command))  # noqa: S606 -- the user's own command
    with stack(state, durable=True) as supervisor:
        announce(supervisor, state, web_port(os.environ))
        return supervisor.foreground(command, {})


def forget() -> None:
    state = State(state_folder(os.environ))
    if state.folder.exists():
        for part in (suite_state(), state):
            if part.folder.exists():
                Lock(part.lock_file).take(None)
        state.forget()
    say(f"Forgotten: everything in {state.folder}")
