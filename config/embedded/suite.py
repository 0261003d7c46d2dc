"""`make test`: the whole suite against services of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from config.embedded.refusal import Refusal
from config.embedded.state import State

# The whole suite is shared between two processes; what runs the real stack stays together in one of them.
PARALLEL = ("-n", "2", "--dist", "loadgroup")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Need(NamedTuple):
    """Debian's name of what a marker's tests need, and the programs that do: all of any one group."""

    name: str
    programs: tuple[tuple[str, ...], ...]


NEEDS = {
    "browser": Need("chromium", tuple((name,) for name in BROWSERS)),
    "node": Need("npm", (("node", "npm"),)),
}


def in_ci(environment: Mapping[str, str]) -> bool:
    return environment.get("CI", "").lower() in ("1", "true", "yes")


def pytest_command(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None] = print,
    which: Callable[[str], str | None] = shutil.which,
) -> list[str]:
    """Tests that need a program are left out, aloud, where it is missing; never in CI."""
    command = [sys.executable, "-m", "pytest", *(arguments or PARALLEL)]
    left_out = []
    for marker, need in NEEDS.items():
        if any(all(which(name) for name in programs) for programs in need.programs):
            continue
        if in_ci(environment):
            raise Refusal(f"CI must run the {marker} tests, and there is no {need.name}: apt-get install {need.name}")
        say(f"No {need.name} here: the {marker} tests are left out (apt-get install {need.name} to have them).")
        left_out.append(f"not {marker}")
    return [*command, "-m", " and ".join(left_out)] if left_out else command


def environment(state: State, inherited: Mapping[str, str]) -> dict[str, str]:
    """Tests keep their files away from those of `make up`."""
    folder = state.folder / "state"
    folder.mkdir(mode=0o700, exist_ok=True)
    return {"VOLLEY_ENV": inherited.get("VOLLEY_ENV") or "development", "VOLLEY_STATE_DIR": str(folder)}
