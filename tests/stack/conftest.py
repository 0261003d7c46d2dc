import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.running_stack import RunningStack

Start = Callable[..., RunningStack]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below /tmp itself: pytest's own folders are closed to the account that PostgreSQL may run as."""
    made = Path(tempfile.mkdtemp(prefix="volley-stack-", dir="/tmp"))
    made.chmod(0o711)
    yield made / "state"
    shutil.rmtree(made)


@pytest.fixture
def stack(folder: Path) -> Iterator[RunningStack]:
    """Not yet started; ended afterwards whatever the test did to it."""
    made = RunningStack(folder)
    yield made
    made.end()
