"""The commands of the guide's page on moving from other systems are run, with the files beside it."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Address, Contact, ListMembership, Suppression, Upload
from tests.factories import make_app, make_key, make_list
from workspaces.models import Workspace

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGE = (GUIDE / "migrating.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = GUIDE / "examples"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def run(command: str, workspace: Workspace, list_id: int) -> Upload:
    """Sends the form of a curl command, and imports what it brought."""
    words = shlex.split(command.replace("\\\n", " "))
    form: dict[str, Any] = dict(word.split("=", 1) for flag, word in pairwise(words) if flag == "-F")
    if "list_id" in form:
        form["list_id"] = str(list_id)
    name = form.pop("file").removeprefix("@")
    file = SimpleUploadedFile(name, (EXAMPLES / name).read_bytes())
    path = next(word for word in words if "$VOLLEY_URL" in word).removeprefix("$VOLLEY_URL")
    key = make_key(workspace).plain
    answer = Client().post(path, {**form, "file": file}, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.content
    upload_id = answer.json()["upload_id"]
    while import_upload(upload_id=upload_id):
        pass
    return Upload.objects.get(pk=upload_id)


def suppressed() -> list[tuple[str, str, str, str]]:
    rows = Suppression.objects.order_by("type", "value")
    return [(one.type, one.value, one.reason, f"{one.created_at:%Y-%m-%d %H:%M}") for one in rows]


def commands_with(name: str) -> list[str]:
    return [command for command in COMMANDS if name in command]


def test_every_example_is_used_by_a_command() -> None:
    used = re.findall(r"file=@(\S+)", PAGE)
    assert sorted(set(used)) == sorted(one.name for one in EXAMPLES.glob("*.csv"))


def test_from_a_push_platform(workspace: Workspace) -> None:
    make_app(workspace, "shop-android")
    make_app(workspace, "shop-ios")
    first, second = commands_with("push-platform")
    assert (run(first, workspace, 0).created, run(second, workspace, 0).created) == (3, 2)
    assert suppressed() == [
        ("email", "cleo@example.test", "unsubscribed", "2024-02-03 10:00"),
        ("email", "gone@example.test", "bounce", "2024-03-04 10:00"),
        ("push", "fcm-token-old", "unsubscribed", "2024-02-03 10:00"),
    ]
    ana = Contact.objects.get(external_id="c-1001")
    assert ana.attributes == {"city": "São Paulo"}
    assert set(ana.addresses.values_list("type", "value")) == {
        ("email", "ana@example.test"),
        ("sms", "+5511987654321"),
        ("push", "fcm-token-ana"),
    }


def test_from_listmonk(workspace: Workspace) -> None:
    members = make_list(workspace)
    first, second = commands_with("listmonk-subscribers")
    upload = run(first, workspace, members.pk)
    assert (upload.created, upload.rejected) == (1, 2)
    assert suppressed() == [("email", "cleo@example.test", "manual", "2024-02-03 10:00")]
    assert run(second, workspace, members.pk).created == 3
    ana = Address.objects.get(value="ana@example.test").contact
    assert ana.attributes["city"] == "São Paulo" and ana.attributes["name"] == "Ana Lima"
    assert str(ana.external_id).startswith("6f3c0f2e") and "status" not in ana.attributes
    assert ListMembership.objects.filter(list=members).count() == 3


def test_from_mailchimp(workspace: Workspace) -> None:
    members = make_list(workspace)
    *suppressions, subscribed = commands_with("mailchimp-")
    for command in suppressions:
        run(command, workspace, members.pk)
    assert suppressed() == [
        ("email", "cleo@example.test", "unsubscribed", "2024-02-03 10:00"),
        ("email", "gone@example.test", "bounce", "2024-03-04 10:00"),
    ]
    assert {one.source for one in Suppression.objects.all()} == {"mailchimp"}
    upload = run(subscribed, workspace, members.pk)
    assert (upload.created, upload.rejected) == (2, 0)
    ana = Address.objects.get(value="ana@example.test")
    assert f"{ana.consent_at:%Y-%m-%d %H:%M}" == "2024-01-01 09:05"
    assert ana.contact.timezone == "America/Sao_Paulo"
    assert ana.contact.attributes == {"first_name": "Ana", "last_name": "Lima", "tags": ["VIP", "Newsletter"]}
