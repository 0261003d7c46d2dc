"""The keeper: whatever it was given to run, nothing of it outlives the pipe to its supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded import keeper
from tests.waiting import PATIENCE, wait_until

STUBBORN = "trap '' TERM; echo $$ > {pid}; while :; do sleep 600; done"
FAMILY = "sleep 600 & sleep 600 & echo $$ > {pid}; wait"
RUNAWAY = "setsid sh -c 'echo $$ > {pid}; exec sleep 600' & wait"


class Kept:
    def __init__(self, folder: Path, script: str, *, grace: float = 600):
        self.pid_file = folder / "pid"
        command = ["sh", "-c", script.replace("{pid}", str(self.pid_file))]
        argv = [sys.executable, "-I", "-S", keeper.__file__, str(int(signal.SIGTERM)), str(grace), "-", *command]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.family: list[int] = []

    def settle(self) -> None:
        """Until its command has come as far as writing its number."""
        wait_until(lambda: self.pid_file.exists() and self.pid_file.read_text().strip(), "the command runs")
        self.family = keeper.descendants(self.process.pid)
        assert self.family

    def say(self, word: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word)
        self.process.stdin.flush()

    def left(self) -> list[int]:
        alive = keeper.parents()
        return [pid for pid in self.family if pid in alive]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    made: list[Kept] = []

    def start(script: str, **options: float) -> Kept:
        made.append(Kept(tmp_path, script, **options))
        return made[-1]

    yield start
    for kept in made:
        kept.process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)])
def test_answers_the_exit_code_of_its_command(keep: Callable[..., Kept], script: str, code: int) -> None:
    assert keep(script).process.wait(PATIENCE) == code


def test_names_a_program_that_is_not_there(keep: Callable[..., Kept], tmp_path: Path) -> None:
    argv = [sys.executable, "-I", "-S", keeper.__file__, "15", "1", "-", str(tmp_path / "absent")]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 127
    assert str(tmp_path / "absent") in done.stderr


@pytest.mark.parametrize("script", [FAMILY, RUNAWAY], ids=["children", "own session"])
def test_a_gone_supervisor_ends_the_whole_family(keep: Callable[..., Kept], script: str) -> None:
    kept = keep(script)
    kept.settle()
    kept.process.communicate(timeout=PATIENCE)
    assert kept.left() == []


@pytest.mark.parametrize("script", [FAMILY, RUNAWAY], ids=["children", "own session"])
def test_being_asked_ends_the_whole_family(keep: Callable[..., Kept], script: str) -> None:
    kept = keep(script)
    kept.settle()
    kept.say(b"s")
    kept.process.wait(PATIENCE)
    assert kept.left() == []


def test_a_stubborn_command_is_killed_after_its_grace(keep: Callable[..., Kept]) -> None:
    kept = keep(STUBBORN, grace=0.2)
    kept.settle()
    kept.say(b"s")
    assert kept.process.wait(PATIENCE) == 137
    assert kept.left() == []


def test_a_second_word_does_not_wait_for_the_grace(keep: Callable[..., Kept]) -> None:
    kept = keep(STUBBORN, grace=600)
    kept.settle()
    kept.say(b"s")
    kept.say(b"k")
    assert kept.process.wait(PATIENCE) == 137


def test_a_killed_command_takes_its_children_along(keep: Callable[..., Kept]) -> None:
    kept = keep(FAMILY)
    kept.settle()
    os.kill(int(kept.pid_file.read_text()), signal.SIGKILL)
    assert kept.process.wait(PATIENCE) == 137
    assert kept.left() == []


def test_a_plain_kill_of_the_keeper_ends_its_command(keep: Callable[..., Kept]) -> None:
    kept = keep(FAMILY)
    kept.settle()
    kept.process.terminate()
    kept.process.wait(PATIENCE)
    assert kept.left() == []


def test_a_killed_keeper_does_not_leave_its_command(keep: Callable[..., Kept]) -> None:
    kept = keep("echo $$ > {pid}; exec sleep 600")
    kept.settle()
    kept.process.kill()
    wait_until(lambda: not kept.left(), "the command has ended")
