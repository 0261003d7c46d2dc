"""What `make test` runs."""

import pytest

from config.embedded.refusal import Refusal
from config.embedded.suite import pytest_command


def test_runs_everything_where_there_is_a_browser() -> None:
    said: list[str] = []
    command = pytest_command(["-x"], {}, say=said.append, which=lambda name: f"/usr/bin/{name}")
    assert command[1:] == ["-m", "pytest", "-x"]
    assert said == []


def test_shares_the_whole_suite_between_two_processes() -> None:
    command = pytest_command([], {}, which=lambda name: f"/usr/bin/{name}")
    assert command[1:] == ["-m", "pytest", "-n", "2", "--dist", "loadgroup"]


def test_leaves_tests_out_aloud_where_what_they_need_is_missing() -> None:
    said: list[str] = []
    command = pytest_command([], {}, say=said.append, which=lambda name: None)
    assert command[-2:] == ["-m", "not browser and not node"]
    assert "browser tests are left out" in said[0]
    assert "node tests are left out" in said[1]


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_node_alone_is_not_enough(missing: str) -> None:
    def which(name: str) -> str | None:
        return None if name == missing else f"/usr/bin/{name}"

    assert pytest_command([], {}, say=lambda _: None, which=which)[-2:] == ["-m", "not node"]


@pytest.mark.parametrize("missing", ["chromium", "npm"])
def test_ci_never_leaves_tests_out(missing: str) -> None:
    def which(name: str) -> str | None:
        return None if missing in ("chromium", name) else f"/usr/bin/{name}"

    with pytest.raises(Refusal, match=missing):
        pytest_command([], {"CI": "true"}, which=which)
