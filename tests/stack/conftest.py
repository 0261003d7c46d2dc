import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.running_stack import RunningStack


@contextlib.contextmanager
def own_stack() -> Iterator[RunningStack]:
    """Below /tmp itself: pytest's own folders are closed to the account that PostgreSQL may run as."""
    folder = Path(tempfile.mkdtemp(prefix="volley-stack-", dir="/tmp"))
    folder.chmod(0o711)
    made = RunningStack(folder / "state")
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(folder)


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    """Not yet started; ended afterwards whatever the test did to it."""
    with own_stack() as made:
        yield made


@pytest.fixture(scope="module")
def running() -> Iterator[RunningStack]:
    """Started once, for tests that leave it as they found it."""
    with own_stack() as made:
        yield made.start()
