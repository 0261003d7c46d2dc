"""Fixtures of the engine's tests. They need `django_db(transaction=True)`: workers have connections of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from executions.delivery import chunk, rates
from executions.delivery.runtime import close_runtime
from providers import buckets
from tests.executions.work import forget_rates
from tests.factories import make_contacts, make_list
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def _engine(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Journals of its own; no event loop, connection or rate outlasts the test."""
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr(rates, "TIMEOUT_SECONDS", 30.0)  # a busy machine is no silent Valkey
    monkeypatch.setattr(rates.Rates, "_silent_until", 0.0)
    monkeypatch.setattr(buckets, "READ_SECONDS", 30.0)
    monkeypatch.setattr(buckets, "_silent_until", 0.0)
    monkeypatch.setattr(chunk, "RENDER_SECONDS", 60.0)  # nor a template that is slow to render
    forget_rates()
    yield
    close_runtime()


@pytest.fixture
def everyone(workspace: Workspace) -> dict[str, Any]:
    """The audience of a list with two people."""
    return {"type": "list", "id": make_list(workspace, make_contacts(workspace, 2)).pk}
