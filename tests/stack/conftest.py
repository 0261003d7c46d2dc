import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.running_stack import RunningStack


@contextlib.contextmanager
def own_stack(template: Path | None = None) -> Iterator[RunningStack]:
    """Below /tmp itself: pytest's own folders are closed to the account that PostgreSQL may run as."""
    folder = Path(tempfile.mkdtemp(prefix="volley-stack-", dir="/tmp"))
    folder.chmod(0o711)
    if template is not None:
        # In a third of the time that shutil takes for a cluster's thousand files.
        subprocess.run(["cp", "-a", template, folder / "state"], check=True)
    made = RunningStack(folder / "state")
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stopped_folder() -> Iterator[Path]:
    """The folder of a stack that ran once and was stopped; making its cluster is what takes longest."""
    with own_stack() as made:
        made.start().end()
        yield made.folder


@pytest.fixture
def stack(stopped_folder: Path) -> Iterator[RunningStack]:
    """Has run before, does not run now; ended afterwards whatever the test did to it."""
    with own_stack(stopped_folder) as made:
        yield made


@pytest.fixture
def new_stack() -> Iterator[RunningStack]:
    """Never started yet."""
    with own_stack() as made:
        yield made


@pytest.fixture(scope="module")
def running(stopped_folder: Path) -> Iterator[RunningStack]:
    """Started once, for tests that leave it as they found it."""
    with own_stack(stopped_folder) as made:
        yield made.start()
