"""The npm packages of `tests/sdks`, installed once for each content of their lock file."""

import json
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "sdks"
_COMMAND = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def install() -> Path:
    """The folder with `node_modules` in it. Fails with what npm said.

    Where they were installed before, as CI does, nothing is asked of the network.
    """
    if _pinned(FOLDER / "package-lock.json") != _pinned(FOLDER / "node_modules" / ".package-lock.json"):
        done = subprocess.run(_COMMAND, cwd=FOLDER, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{' '.join(_COMMAND)} in tests/sdks failed: {done.stderr[-2000:]}"
    return FOLDER


def _pinned(lock: Path) -> dict[str, str]:
    """Hashes by package. npm writes down what it installed, once it is done."""
    packages = json.loads(lock.read_text())["packages"] if lock.exists() else {}
    return {name: one["integrity"] for name, one in packages.items() if name}
