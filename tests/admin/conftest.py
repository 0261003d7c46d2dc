from collections.abc import Callable

import pytest
from django.test import Client

from tests.factories import make_member
from workspaces.models import User, Workspace
from workspaces.roles import Role


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def staff(workspace: Workspace) -> Callable[[Role], Client]:
    """A browser in which somebody with that role in `workspace` is signed in."""
    return lambda role: signed_in(make_member(workspace, role))
