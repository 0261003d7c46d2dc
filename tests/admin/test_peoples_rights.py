import json

import pytest
from django.test import Client

from audiences.models import Address, Contact, Erasure
from audiences.upsert import upsert_contacts
from tests.admin.conftest import signed_in
from tests.factories import make_contact, make_member
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(workspace: Workspace) -> Contact:
    return make_contact(workspace, email="ana@example.test", external_id="ana")


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
    answer = client.get(f"/admin/audiences/contact/{ana.pk}/export/")
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
