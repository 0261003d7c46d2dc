import pytest

from common.authorship import Actor
from workspaces.models import App, Workspace


@pytest.fixture
def app(workspace: Workspace) -> App:
    return App.objects.create(workspace=workspace, app_id="shop-android", name="Android")


@pytest.fixture
def actor() -> Actor:
    return Actor(kind="user", id=1, name="Ada", author_id=1)
