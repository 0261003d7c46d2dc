"""Which setup steps a warm start may skip."""

from pathlib import Path

import pytest

from config.embedded.kept import Command
from config.embedded.processes import Step
from config.embedded.progress import done_before, fingerprint, remember
from config.embedded.state import State

MIGRATE = Step(Command("migrate", ("python", "manage.py", "migrate")), sources=("*/migrations/*.py",))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "campaigns" / "migrations").mkdir(parents=True)
    (tmp_path / "campaigns" / "migrations" / "first.py").write_text("operations = []")
    return tmp_path


def test_stays_the_same_while_nothing_changes(project: Path) -> None:
    before = fingerprint(MIGRATE, {}, project)
    (project / "campaigns" / "models.py").touch()
    assert fingerprint(MIGRATE, {}, project) == before


@pytest.mark.parametrize("name", ["first.py", "second.py"])
def test_changes_with_a_source(project: Path, name: str) -> None:
    before = fingerprint(MIGRATE, {}, project)
    (project / "campaigns" / "migrations" / name).write_text("operations = [1]")
    assert fingerprint(MIGRATE, {}, project) != before


def test_changes_with_the_address(project: Path) -> None:
    here = fingerprint(MIGRATE, {"VOLLEY_BASE_URL": "http://127.0.0.1:8000"}, project)
    assert fingerprint(MIGRATE, {"VOLLEY_BASE_URL": "http://127.0.0.1:8001"}, project) != here


def test_packages_and_kept_data_are_no_sources(project: Path) -> None:
    step = Step(MIGRATE.command, sources=("**/migrations/*.py",))
    before = fingerprint(step, {}, project)
    for folder in (".venv", "var"):
        (project / folder / "migrations").mkdir(parents=True)
        (project / folder / "migrations" / "third.py").touch()
    assert fingerprint(step, {}, project) == before


def test_remembers_each_step(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.create()
    assert done_before(state) == {}
    remember(state, MIGRATE, "one")
    remember(state, Step(Command("demo", ()), sources=()), "two")
    assert done_before(state) == {"migrate": "one", "demo": "two"}


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_spoilt_memory_runs_the_steps_again(tmp_path: Path, text: str) -> None:
    state = State(tmp_path)
    state.create()
    state.progress.write_text(text)
    assert done_before(state) == {}
