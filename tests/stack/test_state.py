"""The state folder: its lock, its secrets, what it forgets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config.embedded.refusal import Refusal
from config.embedded.state import Lock, State, is_alive, state_folder, write_private


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state")
    made.create()
    return made


def test_is_var_unless_told_otherwise() -> None:
    assert state_folder({}).name == "var"
    assert state_folder({"VOLLEY_STATE_DIR": ""}).name == "var"
    assert state_folder({"VOLLEY_STATE_DIR": "/elsewhere"}) == Path("/elsewhere")


def test_secrets_are_made_once_and_fit_fernet(state: State) -> None:
    assert state.secret("encryption") == state.secret("encryption")
    assert state.secret("encryption") != state.secret("django")
    assert Fernet(state.secret("encryption")).encrypt(b"") != b""


def test_private_files_are_private_whatever_stood_there(state: State) -> None:
    path = state.folder / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o600, "new")


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    State(tmp_path / "open").create()
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match="VOLLEY_STATE_DIR"):
        State(tmp_path / "file").create()


def test_forgets_everything_but_the_lock(state: State) -> None:
    Lock(state.lock_file).take(None)
    (state.folder / "demo.env").touch()
    state.secret("django")
    state.forget()
    assert list(state.folder.iterdir()) == [state.lock_file]


def test_leaves_a_folder_alone_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    with pytest.raises(Refusal, match="left alone"):
        State(tmp_path).forget()
    assert (tmp_path / "letter").exists()


def test_a_held_lock_names_its_owner(state: State) -> None:
    holder = Lock(state.lock_file)
    holder.take(8123)
    with pytest.raises(Refusal, match=rf"pid {os.getpid()} on port 8123 "):
        Lock(state.lock_file).take(8124)
    assert Lock(state.lock_file).is_held()
    os.close(holder.descriptor)
    assert not Lock(state.lock_file).is_held()
    Lock(state.lock_file).take(8124)


def test_a_process_that_has_ended_is_not_alive_even_uncollected() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    ended.stdout.read()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(ended.pid)
    ended.communicate()
    assert is_alive(os.getpid())
    assert not is_alive(0)
