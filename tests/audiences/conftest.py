from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from audiences.models import Upload
from audiences.uploads import create_upload
from common.authorship import Actor
from tests.audiences.uploading import Make
from workspaces.models import App, Workspace


@pytest.fixture
def app(workspace: Workspace) -> App:
    return App.objects.create(workspace=workspace, app_id="shop-android", name="Android")


@pytest.fixture
def actor() -> Actor:
    return Actor(kind="user", id=1, name="Ada", author_id=1)


@pytest.fixture
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def make(workspace: Workspace, actor: Actor, storage: Path) -> Make:
    def call(content: str | bytes, name: str = "people.csv", **options: Any) -> Upload:
        raw = content.encode() if isinstance(content, str) else content
        return create_upload(workspace_id=workspace.pk, file=ContentFile(raw, name=name), actor=actor, **options)

    return call
