"""What `make up` runs, as data: the setup steps in order, then the processes of the product."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.embedded.kept import Command
from config.embedded.ports import LOOPBACK
from config.embedded.state import State

WORKER_PROCESSES = 2


@dataclass(frozen=True)
class Step:
    """A command that runs to its end before the processes start; skipped while nothing it depends on has changed."""

    command: Command
    sources: tuple[str, ...]
    """Globs below the project; the step runs again when one of these files changes."""
    makes: Path | None = None
    """A file that the step leaves; without it the step runs again."""
    prints: bool = False
    """Whether its output is shown once the product is ready, at this start and at later ones."""


@dataclass(frozen=True)
class Product:
    """Everything besides the two services."""

    steps: tuple[Step, ...]
    processes: tuple[Command, ...]
    health_url: str


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *arguments)


def celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--app", "config", *arguments)


def volley(state: State, port: int) -> Product:
    steps = (
        Step(
            Command("migrate", manage("migrate", "--noinput", "--verbosity", "0")),
            sources=("requirements.lock", "*/migrations/*.py"),
        ),
        Step(
            Command("collectstatic", manage("collectstatic", "--noinput", "--verbosity", "0")),
            sources=("requirements.lock", "static/**/*", "*/static/**/*"),
            makes=state.folder / "static",
        ),
        Step(
            Command("demo", manage("demo")),
            sources=(
                "*/migrations/*.py",
                "executions/management/commands/demo.py",
                "executions/demo/**/*",
            ),
            makes=state.folder / "demo.env",
            prints=True,
        ),
    )
    web = ("--interface", "wsgi", "--host", LOOPBACK, "--port", str(port), "--workers", "1", "--blocking-threads", "8")
    worker = ("worker", "--pool", "prefork", "--concurrency", str(WORKER_PROCESSES), "--loglevel", "INFO")
    processes = (
        Command("web", (sys.executable, "-m", "granian", *web, "config.wsgi:application")),
        Command("worker", celery(*worker, "--without-gossip", "--without-mingle"), grace_seconds=20),
        Command("beat", celery("beat", "--loglevel", "INFO", "--pidfile", "")),
    )
    return Product(steps, processes, health_url=f"http://{LOOPBACK}:{port}/healthz")


def environment(state: State, port: int, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the product's processes get besides the two URLs. What is set already is left alone."""
    defaults = {
        "VOLLEY_ENV": "development",
        "VOLLEY_STATE_DIR": str(state.folder),
        "VOLLEY_PORT": str(port),
        "VOLLEY_BASE_URL": f"http://{LOOPBACK}:{port}",
        "VOLLEY_SECRET_KEY": state.secret("django"),
        "VOLLEY_ENCRYPTION_KEYS": state.secret("encryption"),
    }
    return {name: inherited.get(name) or value for name, value in defaults.items()}
