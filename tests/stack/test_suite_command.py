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


def test_leaves_the_browser_tests_out_aloud_where_there_is_none() -> None:
    said: list[str] = []
    command = pytest_command([], {}, say=said.append, which=lambda name: None)
    assert command[-2:] == ["-m", "not browser"]
    assert "browser tests are left out" in said[0]


def test_ci_never_leaves_the_browser_tests_out() -> None:
    with pytest.raises(Refusal, match="chromium"):
        pytest_command([], {"CI": "true"}, which=lambda name: None)
