"""`bin/bootstrap`: which Python it takes, when it does nothing, and what it says before it downloads one."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from config.embedded.state import PROJECT

HERE = (sys.version_info.major, sys.version_info.minor)
NAME = f"python{HERE[0]}.{HERE[1]}"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, at work in a project of its own on a machine without any Python."""
    spec = importlib.util.spec_from_file_location("bootstrap", PROJECT / "bin" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / ".python-version").write_text("{}.{}\n".format(*HERE))
    (tmp_path / "requirements.lock").write_text("django==5.2\n")
    venv = tmp_path / ".venv"
    places = {
        "ROOT": tmp_path,
        "LOCK": tmp_path / "requirements.lock",
        "VENV": venv,
        "VENV_PYTHON": venv / "bin" / "python",
        "STAMP": venv / "volley-stamp.json",
    }
    for name, place in places.items():
        monkeypatch.setattr(module, name, place)
    monkeypatch.setattr(module, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    return module


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def base_executable() -> str:
    return str(getattr(sys, "_base_executable", sys.executable))


def test_passes_over_a_pyenv_shim_that_refuses(bootstrap: ModuleType, tmp_path: Path) -> None:
    program(tmp_path / "shims" / NAME, "echo 'pyenv: command not found' >&2; exit 127")
    assert bootstrap.local_python() is None


def test_finds_a_python_that_only_pyenv_has(bootstrap: ModuleType, tmp_path: Path) -> None:
    program(tmp_path / "shims" / NAME, "exit 127")
    program(tmp_path / ".pyenv" / "versions" / f"{HERE[0]}.{HERE[1]}.0" / "bin" / NAME, f'exec {sys.executable} "$@"')
    assert bootstrap.local_python() == base_executable()


def test_finds_a_python_on_the_path(bootstrap: ModuleType, tmp_path: Path) -> None:
    program(tmp_path / "shims" / "python3", f'exec {sys.executable} "$@"')
    assert bootstrap.local_python() == base_executable()


def test_does_not_take_a_python_of_another_version(bootstrap: ModuleType, tmp_path: Path) -> None:
    seen = json.dumps({"version": [3, 11], "usable": True, "executable": "/usr/bin/python3.11"})
    program(tmp_path / "shims" / "python3", f"echo '{seen}'")
    assert bootstrap.local_python() is None


def test_does_not_take_a_python_without_the_usual_interpreter_lock(bootstrap: ModuleType, tmp_path: Path) -> None:
    seen = json.dumps({"version": list(HERE), "usable": False, "executable": "/opt/python-free-threaded"})
    program(tmp_path / "shims" / NAME, f"echo '{seen}'")
    assert bootstrap.local_python() is None


def test_an_unreadable_pyenv_is_no_obstacle(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", "/dev/null/another-users")
    assert bootstrap.local_python() is None


def test_says_so_before_a_python_is_downloaded(
    bootstrap: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uv = program(tmp_path / "uv", 'echo "uv $@" >&2')
    bootstrap.make_venv(str(uv), None)
    said = capfd.readouterr().err
    assert said.index("uv now downloads") < said.index("uv venv --quiet --managed-python")


def test_never_downloads_a_python_where_there_is_one(
    bootstrap: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uv = program(tmp_path / "uv", 'echo "uv $@" >&2')
    bootstrap.make_venv(str(uv), "/usr/bin/python3.13")
    assert "--no-python-downloads --python /usr/bin/python3.13" in capfd.readouterr().err


def test_a_failed_venv_is_told(bootstrap: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        bootstrap.make_venv(str(program(tmp_path / "uv", "exit 2")), None)


@pytest.fixture
def synced(bootstrap: ModuleType) -> ModuleType:
    program(bootstrap.VENV_PYTHON, "exit 0")
    bootstrap.STAMP.write_text(json.dumps(bootstrap.expected_stamp()))
    return bootstrap


def test_an_unchanged_lock_needs_no_sync(synced: ModuleType) -> None:
    assert synced.up_to_date()


def test_a_changed_lock_is_synced_again(synced: ModuleType) -> None:
    synced.LOCK.write_text("django==5.2.1\n")
    assert not synced.up_to_date()


def test_another_python_version_is_synced_again(synced: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.12\n")
    assert not synced.up_to_date()


def test_a_python_that_is_gone_is_synced_again(synced: ModuleType) -> None:
    synced.VENV_PYTHON.unlink()
    assert not synced.up_to_date()


def test_what_a_shell_may_carry_does_not_reach_the_tools(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PIP_USER", "UV_PYTHON"):
        monkeypatch.setenv(name, "elsewhere")
    assert "elsewhere" not in bootstrap.clean_environment().values()


def test_the_lock_names_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "bin/uv.txt"):
        text = (PROJECT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_a_python_with_neither_venv_nor_pip_is_told_what_to_install(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "UV_DIR", tmp_path / ".uv")
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "bare", "exit 1")))
    with pytest.raises(SystemExit):
        bootstrap.install_uv(None)
    assert "apt install python3-venv" in capfd.readouterr().err


def test_without_venv_pip_fills_a_folder(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "UV_DIR", tmp_path / ".uv")
    debian = program(tmp_path / "debian", 'case "$*" in *ensurepip*) exit 1;; esac; echo "ran $*" >&2')
    monkeypatch.setattr(sys, "executable", str(debian))
    folder = tmp_path / ".uv" / "folder"
    assert bootstrap.install_uv(None) == str(folder / "bin" / "uv")
    assert f"--require-hashes -r {bootstrap.UV_PIN} --upgrade --target {folder}" in capfd.readouterr().err


def test_a_venv_of_another_version_is_made_anew(bootstrap: ModuleType, tmp_path: Path) -> None:
    program(bootstrap.VENV_PYTHON, f'exec {sys.executable} "$@"')
    (bootstrap.VENV / "bin" / "activate").write_text(f"VIRTUAL_ENV={bootstrap.VENV}\n")
    older = json.dumps({"version": [3, 12] if HERE != (3, 12) else [3, 13], "usable": True, "executable": "older"})
    assert bootstrap.reusable(sys.executable)
    assert not bootstrap.reusable(str(program(tmp_path / "older", f"echo '{older}'")))


def test_a_venv_that_was_moved_is_made_anew(bootstrap: ModuleType) -> None:
    program(bootstrap.VENV_PYTHON, f'exec {sys.executable} "$@"')
    (bootstrap.VENV / "bin" / "activate").write_text("VIRTUAL_ENV=/somewhere/else/.venv\n")
    assert not bootstrap.reusable(sys.executable)
