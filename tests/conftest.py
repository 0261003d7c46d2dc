"""Fixtures for everyone; rows are made by `tests.factories`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from templates_registry.liquid import child
from tests.api_client import Api
from tests.emptying import instead_of_flush
from tests.factories import make_workspace
from tests.waiting import PATIENCE
from workspaces.models import Workspace


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes by their length: what is packed by gzip holds the time, and the processes of a run must agree on names."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) else None


pytest_plugins = ["tests.running.fixtures"]
instead_of_flush()
# How long an example takes says how busy the machine is, and nothing of what is tested.
hypothesis_settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Journals, uploads and collected files of the tests lie apart from those of a running Volley."""
    state = tmp_path_factory.mktemp("state")
    for name in ("static", "media"):
        (state / name).mkdir()
    with override_settings(
        STATE_DIR=state,
        STATIC_ROOT=state / "static",
        MEDIA_ROOT=state / "media",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # nobody guesses passwords here
        WHITENOISE_USE_FINDERS=False,  # each test client would look for all of them again
    ):
        yield state


@pytest.fixture(scope="session", autouse=True)
def patience_with_children() -> Iterator[None]:
    """A template's child is stopped by its CPU time; a machine that is busy with other tests may let it wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "WALL_SECONDS", PATIENCE)
        yield


@pytest.fixture(scope="module")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """What a file's own fixtures write once, each of its tests finds untouched; after the last one it is gone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


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
