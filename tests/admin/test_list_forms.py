"""Lists in the admin: made and changed through the services."""

import pytest
from django.test import Client
from django.urls import reverse

from audiences.models import List
from tests.factories import make_list, make_member
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, workspace: Workspace) -> Client:
    client.force_login(make_member(workspace))
    return client


def test_a_list_is_made(browser: Client, workspace: Workspace) -> None:
    answer = browser.post(reverse("admin:audiences_list_add"), {"name": "Spring", "description": ""})
    assert answer.status_code == 302
    assert List.objects.get().name == "Spring"


def test_a_list_is_renamed(browser: Client, workspace: Workspace) -> None:
    made = make_list(workspace, name="Sprong")
    answer = browser.post(
        reverse("admin:audiences_list_change", args=[made.pk]), {"name": "Spring", "description": "mended"}
    )
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.name, made.description) == ("Spring", "mended")
