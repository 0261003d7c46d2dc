from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_member
from workspaces.models import User, Workspace
from workspaces.roles import Role

QUICK_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Nobody guesses passwords here."""
    settings.PASSWORD_HASHERS = QUICK_HASHERS


@pytest.fixture
def staff(workspace: Workspace) -> Callable[[Role], Client]:
    """A browser in which somebody with that role in `workspace` is signed in."""
    return lambda role: signed_in(make_member(workspace, role))
