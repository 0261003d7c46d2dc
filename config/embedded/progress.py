"""Remembers for which sources each setup step was done, so that a warm start skips it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from config.embedded.processes import Step
from config.embedded.state import PROJECT, State, write_private

FOREIGN_FOLDERS = {".venv", ".uv", ".git", "var", "tests", "__pycache__"}


def fingerprint(step: Step, context: Mapping[str, str], project: Path = PROJECT) -> str:
    """A hash of what the step depends on: its command, its sources, and where it puts things."""
    seen = hashlib.sha256(json.dumps([step.command.argv, sorted(context.items())]).encode())
    for pattern in step.sources:
        for path in sorted(project.glob(pattern)):
            inside = path.relative_to(project)
            if path.is_file() and not FOREIGN_FOLDERS.intersection(inside.parts):
                seen.update(f"\0{inside}\0".encode())
                seen.update(path.read_bytes())
    return seen.hexdigest()


def done_before(state: State) -> dict[str, str]:
    """Fingerprint by step, of the last time each ran to its end."""
    try:
        known = json.loads(state.progress.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in known.items()} if isinstance(known, dict) else {}


def remember(state: State, step: Step, value: str) -> None:
    write_private(state.progress, json.dumps(done_before(state) | {step.command.name: value}))
