"""The npm packages of `tests/sdks`, installed once for each content of their lock file."""

import hashlib
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "sdks"
_STAMP = FOLDER / "node_modules" / ".lock-hash"
_COMMAND = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def install() -> Path:
    """The folder with `node_modules` in it. Fails with what npm said."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if not _STAMP.exists() or _STAMP.read_text() != wanted:
        done = subprocess.run(_COMMAND, cwd=FOLDER, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{' '.join(_COMMAND)} in tests/sdks failed: {done.stderr[-2000:]}"
        _STAMP.write_text(wanted)
    return FOLDER
