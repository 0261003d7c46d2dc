"""`make test`: the whole suite against services of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from config.embedded.refusal import Refusal
from config.embedded.state import State

# The whole suite is shared between two processes; what runs the real stack stays together in one of them.
PARALLEL = ("-n", "2", "--dist", "loadgroup")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def in_ci(environment: Mapping[str, str]) -> bool:
    return environment.get("CI", "").lower() in ("1", "true", "yes")


def pytest_command(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None] = print,
    which: Callable[[str], str | None] = shutil.which,
) -> list[str]:
    """The browser tests are left out, aloud, where there is no browser; never in CI."""
    command = [sys.executable, "-m", "pytest", *(arguments or PARALLEL)]
    if any(which(name) for name in BROWSERS):
        return command
    if in_ci(environment):
        raise Refusal("CI must run the browser tests, and there is no chromium: apt-get install chromium")
    say("No chromium here: the browser tests are left out (apt-get install chromium to have them).")
    return [*command, "-m", "not browser"]


def environment(state: State, inherited: Mapping[str, str]) -> dict[str, str]:
    """Tests keep their files away from those of `make up`."""
    folder = state.folder / "state"
    folder.mkdir(mode=0o700, exist_ok=True)
    return {"VOLLEY_ENV": inherited.get("VOLLEY_ENV") or "development", "VOLLEY_STATE_DIR": str(folder)}
