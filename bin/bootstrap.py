"""Makes `.venv` from requirements.lock, with nothing but a Python >= 3.9 and the standard library.

uv goes into a folder of its own (`.uv`), so the system's Python is left alone. Run through `bin/bootstrap`:
    bootstrap          sync `.venv`, doing nothing when it is up to date
    bootstrap lock     resolve pyproject.toml again into requirements.lock, newest versions
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
UV_PIN = ROOT / "bin" / "uv.txt"
UV_DIR = ROOT / ".uv"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "volley-stamp.json"
SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin")

# What a developer's shell may carry that would aim pip, uv or Python at another environment.
INHERITED_SURPRISES = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_REQUIRE_HASHES",
    "UV_NO_BINARY",
)

PROBE = """
import json, platform, ssl, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "usable": platform.python_implementation() == "CPython"
              and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
}))
"""


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def give_up(message: str) -> NoReturn:
    say(message)
    raise SystemExit(1)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in INHERITED_SURPRISES}


def run(*command: object) -> bool:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=clean_environment(), stdin=subprocess.DEVNULL)
    return done.returncode == 0


def wanted_versions() -> list[tuple[int, int]]:
    """The version of .python-version first, then the older one that is also supported."""
    major, minor = (ROOT / ".python-version").read_text().strip().split(".")[:2]
    preferred = (int(major), int(minor))
    return [preferred, *[version for version in [(3, 13), (3, 12)] if version != preferred]]


def candidates(version: tuple[int, int]) -> Iterator[str]:
    """Places where a Python of this version may be: pyenv's own folders before its shims, then PATH."""
    dotted = "{}.{}".format(*version)
    roots = {os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv")} - {None, ""}
    for root in sorted(str(root) for root in roots):
        with contextlib.suppress(OSError):  # no pyenv there, or another user's
            found = [path for path in (Path(root) / "versions").iterdir() if path.name.startswith(dotted)]
            yield from (str(path / "bin" / ("python" + dotted)) for path in sorted(found, reverse=True))
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), *SYSTEM_FOLDERS]:
        yield from (str(Path(folder) / name) for name in ("python" + dotted, "python3"))


def probe(python: str, version: tuple[int, int]) -> str | None:
    """The real interpreter behind this path, or None where it does not run or is not what is wanted."""
    if not os.access(python, os.X_OK):
        return None
    try:
        done = subprocess.run(
            [python, "-I", "-c", PROBE], capture_output=True, timeout=30, env=clean_environment(), cwd="/"
        )
        seen = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if not seen.get("usable") or tuple(seen["version"]) != version:
        return None
    return str(seen["executable"])


def local_python() -> str | None:
    for version in wanted_versions():
        for python in dict.fromkeys(candidates(version)):
            found = probe(python, version)
            if found:
                return found
    return None


def pinned_uv() -> str:
    return UV_PIN.read_text().split()[0].split("==")[1]


def uv_answers(uv: str) -> bool:
    try:
        done = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and pinned_uv() in done.stdout.split()


def install_uv(python: str | None) -> str:
    """Put the pinned uv into `.uv` and answer its path.

    A venv is tried first. Debian without python3-venv cannot make one; its pip can still fill a folder with --target.
    """
    in_venv, in_folder = str(UV_DIR / "env" / "bin" / "uv"), str(UV_DIR / "folder" / "bin" / "uv")
    for uv in (in_venv, in_folder):
        if uv_answers(uv):
            return uv
    say(f"Setting up uv {pinned_uv()} in .uv ...")
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", UV_PIN)
    makers = list(dict.fromkeys(filter(None, (sys.executable, python))))
    for maker in makers:
        made = has_module(maker, "ensurepip") and run(maker, "-I", "-m", "venv", "--clear", UV_DIR / "env")
        if made and run(UV_DIR / "env" / "bin" / "python", *pip):
            return in_venv
    for maker in makers:
        if has_module(maker, "pip") and run(maker, *pip, "--upgrade", "--target", UV_DIR / "folder"):
            return in_folder
    present = shutil.which("uv")
    if present:
        say(f"Neither venv nor pip could install uv; using the one already here: {present}")
        return present
    give_up(
        f"uv {pinned_uv()} could not be installed into .uv with {' or '.join(makers)} (see above). Either this Python "
        "lacks both venv and pip (on Debian and Ubuntu: apt install python3-venv), or the package index "
        "that pip is configured with cannot be reached."
    )


def has_module(python: str, module: str) -> bool:
    return subprocess.run([python, "-I", "-c", f"import {module}"], capture_output=True).returncode == 0


def make_venv(uv: str, python: str | None) -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    if python is None:
        versions = " or ".join("{}.{}".format(*version) for version in wanted_versions())
        fetched = "{}.{}".format(*wanted_versions()[0])
        say(f"There is no Python {versions} on this machine (looked in pyenv and on PATH): uv now downloads {fetched}.")
        made = run(uv, "venv", "--quiet", "--managed-python", "--python", fetched, VENV)
    else:
        say(f"Making .venv with {python}")
        made = run(uv, "venv", "--quiet", "--no-python-downloads", "--python", python, VENV)
    if not made:
        give_up("The virtual environment .venv could not be made (see above).")


def expected_stamp() -> dict[str, str]:
    return {
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "python": (ROOT / ".python-version").read_text().strip(),
        "place": str(VENV),
    }


def up_to_date() -> bool:
    """Whether .venv was synced from exactly this lock, at this place, by a Python that is still there."""
    try:
        return VENV_PYTHON.exists() and json.loads(STAMP.read_text()) == expected_stamp()
    except (OSError, ValueError):
        return False


def reusable(python: str | None) -> bool:
    """Whether the present .venv runs, stands where it was made, and has the version that a new one would have."""
    activate = VENV / "bin" / "activate"
    if not activate.exists() or str(VENV) not in activate.read_text(errors="replace"):
        return False
    versions = [version for version in wanted_versions() if python is None or probe(python, version)]
    return any(probe(str(VENV_PYTHON), version) for version in versions)


def sync() -> None:
    if up_to_date():
        return
    python = local_python()
    uv = install_uv(python)
    if not reusable(python):
        make_venv(uv, python)
    say("Installing what requirements.lock lists ...")
    STAMP.unlink(missing_ok=True)
    # Compiling now, once, is what makes every later start quick, also where PYTHONDONTWRITEBYTECODE is set.
    command = ("pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python", VENV_PYTHON, LOCK)
    if not run(uv, *command):
        give_up("The packages of requirements.lock could not be installed (see above).")
    STAMP.write_text(json.dumps(expected_stamp()))


def lock() -> None:
    """Write requirements.lock (every version and hash, no download addresses) and the hashes of the pinned uv."""
    uv = install_uv(local_python())
    common = ("pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-header")
    groups = ("--group", "embedded", "--group", "dev")
    pin = UV_DIR / "uv.in"
    pin.write_text(f"uv=={pinned_uv()}\n")
    made = run(uv, *common, "--upgrade", *groups, "pyproject.toml", "-o", LOCK.name)
    if not made or not run(uv, *common, "--no-annotate", pin, "-o", UV_PIN):
        give_up("The lock could not be refreshed (see above).")


def main() -> None:
    UV_DIR.mkdir(exist_ok=True)
    with (UV_DIR / "lock").open("w") as turn:  # two makes started together take turns
        fcntl.flock(turn, fcntl.LOCK_EX)
        if sys.argv[1:] == ["lock"]:
            lock()
        sync()


if __name__ == "__main__":
    main()
