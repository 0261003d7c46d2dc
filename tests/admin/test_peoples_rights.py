import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Address, Contact, Erasure, Suppression, Upload
from audiences.suppressions import add_suppressions
from audiences.upsert import upsert_contacts
from common.authorship import SYSTEM
from tests.admin.conftest import signed_in
from tests.factories import make_contact, make_member, make_suppression
from workspaces.models import Membership, Workspace
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


BY_ADDRESS = "/admin/audiences/contact/erase-address/"


def test_an_address_that_nobody_has_is_erased_too(workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.ADMIN))
    assert "/to-erase" in client.get("/admin/audiences/contact/").content.decode()
    assert client.get("/admin/audiences/contact/to-erase/").headers["Location"] == BY_ADDRESS
    address = {"type": "email", "value": "Never@Example.test"}
    shown = client.post(BY_ADDRESS, address).content.decode()
    assert "Nobody has it" in shown and "never@example.test" in shown
    assert "Nothing was erased" in client.post(BY_ADDRESS, {**address, "typed": "never"}).content.decode()
    assert not Erasure.objects.exists()
    answer = client.post(BY_ADDRESS, {**address, "typed": "Never@Example.test"}, follow=True)
    assert "Nobody had it" in answer.content.decode()
    assert Erasure.objects.get().contact_ids == [] and not Suppression.objects.exists()
    upsert_contacts(workspace_id=workspace.pk, rows=[{"email": "never@EXAMPLE.test"}])
    assert Suppression.objects.get().reason == "erased"


def test_whoever_has_the_address_is_erased_with_it(ana: Contact, workspace: Workspace) -> None:
    twin = make_contact(workspace, email="ana@example.test")
    client = signed_in(make_member(workspace, Role.ADMIN))
    address = {"type": "email", "value": "ana@example.test"}
    assert "2 contacts have it" in client.post(BY_ADDRESS, address).content.decode()
    answer = client.post(BY_ADDRESS, {**address, "typed": "ana@example.test"}, follow=True)
    assert "2 contacts were erased" in answer.content.decode()
    assert not Contact.objects.filter(pk__in=[ana.pk, twin.pk]).exists()


def test_what_is_no_address_is_said(workspace: Workspace) -> None:
    client = signed_in(make_member(workspace, Role.ADMIN))
    for body, said in (
        ({"type": "email", "value": "nope"}, "has no @"),
        ({"type": "fax", "value": "1"}, "Choose a type"),
        ({}, "Choose a type"),
        ({"type": "sms", "value": "0170"}, "begin it with +"),
    ):
        answer = client.post(BY_ADDRESS, {**body, "typed": body.get("value", "")})
        assert said in answer.content.decode() and "Nothing was erased" in answer.content.decode()


def test_an_address_is_erased_by_admins_of_the_workspace_alone(
    ana: Contact, workspace: Workspace, other_workspace: Workspace
) -> None:
    body = {"type": "email", "value": "ana@example.test", "typed": "ana@example.test", "workspace": str(workspace.pk)}
    editor = make_member(workspace, Role.EDITOR)
    client = signed_in(editor)
    assert "/to-erase" not in client.get("/admin/audiences/contact/").content.decode()
    assert client.get(BY_ADDRESS).status_code == 403 and client.post(BY_ADDRESS, body).status_code == 403
    assert signed_in(make_member(other_workspace, Role.ADMIN)).post(BY_ADDRESS, body).status_code == 404
    Membership.objects.create(user=editor, workspace=other_workspace, role=Role.ADMIN)
    assert client.post(BY_ADDRESS, body).status_code == 403
    assert client.post(BY_ADDRESS, {**body, "workspace": "9" * 40}).status_code == 404
    assert Contact.objects.filter(pk=ana.pk).exists()


def test_a_suppression_shows_its_other_reasons(workspace: Workspace) -> None:
    rows = [{"type": "email", "value": "a@example.test", "reason": one} for one in ("unsubscribed", "complaint")]
    add_suppressions(workspace_id=workspace.pk, rows=rows, actor=SYSTEM)
    client = signed_in(make_member(workspace, Role.VIEWER))
    assert "unsubscribed" in client.get("/admin/audiences/suppression/").content.decode()
    held = Suppression.objects.get()
    shown = client.get(f"/admin/audiences/suppression/{held.pk}/change/").content.decode()
    assert "complaint" in shown and "unsubscribed, " in shown


def test_deleting_a_suppression_leaves_what_the_person_said_and_tells(workspace: Workspace) -> None:
    rows = [{"type": "email", "value": "a@example.test", "reason": one} for one in ("unsubscribed", "bounce")]
    add_suppressions(workspace_id=workspace.pk, rows=rows, actor=SYSTEM)
    client = signed_in(make_member(workspace, Role.EDITOR))
    url = f"/admin/audiences/suppression/{Suppression.objects.get().pk}/delete/"
    assert "unsubscribed too" in client.post(url, {"post": "yes"}, follow=True).content.decode()
    assert Suppression.objects.get().reason == "unsubscribed"
    assert "unsubscribed too" not in client.post(url, {"post": "yes"}, follow=True).content.decode()
    assert not Suppression.objects.exists()


def test_suppressing_by_hand_what_is_suppressed_adds_a_reason(workspace: Workspace) -> None:
    held = make_suppression(workspace, "a@example.test")
    make_suppression(workspace, "newer@example.test")
    client = signed_in(make_member(workspace, Role.EDITOR))
    typed = {"type": "email", "value": "A@example.test", "reason": "complaint"}
    answer = client.post("/admin/audiences/suppression/add/", typed, follow=True)
    assert answer.status_code == 200 and "a@example.test" in answer.content.decode()
    held.refresh_from_db()
    assert held.reason == "complaint" and Suppression.objects.count() == 2


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
