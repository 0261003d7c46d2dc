import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Address, Contact, Erasure, Suppression, Upload
from audiences.upsert import upsert_contacts
from tests.admin.conftest import signed_in
from tests.factories import make_contact, make_member, make_suppression
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(workspace: Workspace) -> Contact:
    return make_contact(workspace, email="ana@example.test", external_id="ana")


def streamed(client: Client, url: str) -> str:
    answer: Any = client.get(url)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def page(client: Client, contact: Contact, name: str = "change") -> str:
    answer = client.get(f"/admin/audiences/contact/{contact.pk}/{name}/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_contact_s_page_tells_how_consents_changed(ana: Contact, workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.VIEWER))
    assert "no consent has changed" in page(client, ana)
    said = {"type": "email", "value": "ana@example.test", "consent": "unsubscribed", "consent_source": "desk call"}
    upsert_contacts(workspace_id=workspace.pk, rows=[{"external_id": "ana", "addresses": [said]}])
    assert "desk call" in page(client, ana) and "The API" in page(client, ana)


def test_everything_kept_of_them_is_downloaded(ana: Contact, workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.VIEWER))
    answer: Any = client.get(f"/admin/audiences/contact/{ana.pk}/export/")
    assert answer["Content-Disposition"] == f'attachment; filename="contact-{ana.pk}.json"'
    assert json.loads(b"".join(answer.streaming_content))["contact"]["external_id"] == "ana"


def test_erasing_asks_for_the_name(ana: Contact, workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.ADMIN))
    url = f"/admin/audiences/contact/{ana.pk}/erase/"
    assert "Type <strong>ana</strong>" in page(client, ana, "erase")
    for typed in ("", "Ana", "ana@example.test"):
        assert "Nothing was erased" in client.post(url, {"typed": typed}).content.decode()
    assert Address.objects.exists()
    answer = client.post(url, {"typed": " ana "}, follow=True)
    assert "are kept as a hash" in answer.content.decode()
    assert not Contact.objects.exists() and Erasure.objects.get().created_by_kind == "user"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.LAUNCHER])
def test_only_an_admin_erases(ana: Contact, workspace: Workspace, role: Role) -> None:
    client = signed_in(make_member(workspace, role))
    assert "Erase …" not in page(client, ana)
    assert client.get(f"/admin/audiences/contact/{ana.pk}/erase/").status_code == 403
    assert client.post(f"/admin/audiences/contact/{ana.pk}/erase/", {"typed": "ana"}).status_code == 403
    assert Contact.objects.exists()


FILES = "/admin/audiences/suppression/as-files/"


def test_suppressions_are_imported_from_a_file(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    client = signed_in(make_member(workspace, Role.EDITOR))
    assert FILES in client.get("/admin/audiences/suppression/").content.decode()
    file = SimpleUploadedFile("bounces.csv", b"who\nana@example.test\n")
    mapping = '{"who": "value"}'
    typed = {"type": "email", "reason": "hard bounce", "source": "old", "mapping": mapping}
    answer = client.post(FILES, {"file": file, **typed})
    upload = Upload.objects.get()
    assert answer.headers["Location"] == f"/admin/audiences/upload/{upload.pk}/change/"
    assert client.get(answer.headers["Location"]).status_code == 200
    import_upload(upload_id=upload.pk)
    [made] = Suppression.objects.all()
    assert (made.value, made.reason, made.source) == ("ana@example.test", "bounce", "old")


def test_a_file_of_suppressions_that_can_not_be_used_is_said(workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.EDITOR))
    for body, said in (
        ({}, "Choose a file"),
        ({"file": SimpleUploadedFile("a.csv", b"name\nAna\n")}, "name one value or email"),
        (
            {"file": SimpleUploadedFile("a.csv", b"email\na@b.test\n"), "mapping": "[1]"},
            "The mapping is column to field",
        ),
    ):
        answer = client.post(FILES, {**body, "reason": "kept as typed"})
        assert said in answer.content.decode() and "kept as typed" in answer.content.decode()
    assert not Upload.objects.exists()


def test_suppressions_are_exported_filtered(workspace: Workspace, other_workspace: Workspace) -> None:
    make_suppression(workspace, "a@example.test")
    make_suppression(workspace, "+491701234567", "sms")
    make_suppression(other_workspace, "theirs@example.test")
    client = signed_in(make_member(workspace, Role.VIEWER))
    text = streamed(client, f"{FILES}export/?type=email&reason=manual")
    assert [line.split(",")[1] for line in text.splitlines()] == ["value", "a@example.test"]
    assert client.get(f"{FILES}export/?workspace={other_workspace.pk}").status_code == 404


def test_a_viewer_imports_nothing(workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.VIEWER))
    assert "Download" in client.get(FILES).content.decode() and "multipart" not in client.get(FILES).content.decode()
    file = SimpleUploadedFile("a.csv", b"email\na@example.test\n")
    assert client.post(FILES, {"file": file}).status_code == 403
