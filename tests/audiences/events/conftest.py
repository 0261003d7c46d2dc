from collections.abc import Iterator

import pytest

from audiences.events.sdk import overload
from tests.audiences.events.sdk_client import Sdk
from tests.factories import make_app, make_write_key
from workspaces.models import App, Workspace


@pytest.fixture(autouse=True)
def unspent() -> Iterator[None]:
    """What one test spent of a key's rate is not what the next one lacks."""
    overload._levels.clear()
    yield
    overload._levels.clear()


@pytest.fixture
def app(workspace: Workspace) -> App:
    return make_app(workspace, "shop-web")


@pytest.fixture
def sdk(app: App) -> Sdk:
    """A client with a write key of `app`."""
    return Sdk(make_write_key(app))
