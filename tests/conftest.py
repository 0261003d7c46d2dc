"""Fixtures for everyone; rows are made by `tests.factories`."""

import pytest

from tests.api_client import Api
from tests.factories import make_workspace
from workspaces.models import Workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    """A workspace with a sandbox provider."""
    return make_workspace()


@pytest.fixture
def other_workspace(db: None) -> Workspace:
    """Somebody else's."""
    return make_workspace()


@pytest.fixture
def api(workspace: Workspace) -> Api:
    """A client with a key of `workspace` that has every scope."""
    return Api.of(workspace)


@pytest.fixture
def other_api(other_workspace: Workspace) -> Api:
    return Api.of(other_workspace)
