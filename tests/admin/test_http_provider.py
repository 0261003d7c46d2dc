"""An HTTP provider in the admin: its fields, its secrets, *Test connection*."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from common.encryption import decrypt
from providers.models import Provider
from tests.factories import make_provider
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
ADD = "/admin/providers/provider/add/"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
GATEWAY = {
    "name": "gateway",
    "kind": "http",
    "type": "sms",
    "enabled": "on",
    "connections": "8",
    "url": "https://gateway.example/v1/messages",
    "verify_https": "on",
    "auth": "bearer",
    "token": "hunter2!",
    "signing_secret": SECRET,
    "answer_timeout": "20",
}


def errors(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.context["adminform"].form.errors
    return found


@pytest.fixture
def client(staff: Staff) -> Client:
    return staff(Role.ADMIN)


@pytest.fixture
def gateway(client: Client) -> Provider:
    assert client.post(ADD, GATEWAY).status_code == 302
    return Provider.objects.get(name="gateway")


def change(provider: Provider) -> str:
    return f"/admin/providers/provider/{provider.pk}/change/"


def test_its_settings_are_stored_and_its_secrets_only_encrypted(client: Client, gateway: Provider) -> None:
    assert gateway.config == {
        "url": "https://gateway.example/v1/messages",
        "auth": "bearer",
        "verify": True,
        "answer_timeout": 20,
    }
    assert json.loads(decrypt(gateway.credentials)) == {"token": "hunter2!", "signing_secret": SECRET}
    page = client.get(change(gateway)).content
    assert b"hunter2!" not in page and SECRET.encode() not in page and gateway.credentials.encode() not in page


def test_a_batch_api_has_a_size(client: Client, workspace: Workspace) -> None:
    body = {**GATEWAY, "kind": "http_batch", "batch_size": "250", "dedupes": "on"}
    assert client.post(ADD, body).status_code == 302
    config = Provider.objects.get(name="gateway").config
    assert (config["batch_size"], config["dedupes"]) == (250, True)


def test_a_page_shows_the_fields_of_its_kind_as_they_are(client: Client, gateway: Provider) -> None:
    page = client.get(change(gateway)).content.decode()
    assert 'value="https://gateway.example/v1/messages"' in page and 'name="host"' not in page
    assert 'value="20"' in re.findall(r'<input[^>]*name="answer_timeout"[^>]*>', page)[0]
    relay = make_provider(gateway.workspace, "smtp", config={"host": "relay.test"}, is_default=False)
    assert 'name="url"' not in client.get(change(relay)).content.decode()


def test_saving_it_again_keeps_everything_that_is_not_shown(client: Client, gateway: Provider) -> None:
    gateway.config |= {"ca_certificate": "", "connect_timeout": 3}
    gateway.save()
    blank = {**GATEWAY, "token": "", "signing_secret": "", "url": "https://gateway.example/v2"}
    assert client.post(change(gateway), blank).status_code == 302
    gateway.refresh_from_db()
    assert (gateway.config["connect_timeout"], gateway.config["url"]) == (3, "https://gateway.example/v2")
    assert json.loads(decrypt(gateway.credentials)) == {"token": "hunter2!", "signing_secret": SECRET}


@pytest.mark.parametrize("url", ["https://mine.example/v1", "http://gateway.example/", "https://gateway.example:444/"])
def test_stored_secrets_are_never_taken_to_another_host(client: Client, gateway: Provider, url: str) -> None:
    moved = {**GATEWAY, "url": url, "plain_http": "on", "token": "", "signing_secret": ""}
    assert set(errors(client.post(change(gateway), moved))) == {"token", "signing_secret"}
    assert set(errors(client.post(change(gateway), {**moved, "token": "new"}))) == {"signing_secret"}
    assert client.post(change(gateway), {**moved, "token": "new", "signing_secret": SECRET}).status_code == 302


def test_a_switch_forgets_them(client: Client, gateway: Provider) -> None:
    body = {**GATEWAY, "auth": "none", "token": "", "signing_secret": "", "forget_secrets": "on"}
    assert client.post(change(gateway), body).status_code == 302
    gateway.refresh_from_db()
    assert gateway.credentials == ""


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "gateway.example"}, "url"),
        ({"url": "http://gateway.example/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://user:pass@gateway.example/"}, "url"),
        ({"token": ""}, "token"),
        ({"token": "ü"}, "token"),
        ({"auth": "header"}, "auth_header"),
        ({"auth": "header", "auth_header": "Host"}, "auth_header"),
        ({"auth": "basic"}, "auth"),
        ({"signing_secret": "secret"}, "signing_secret"),
        ({"answer_timeout": "0"}, "answer_timeout"),
        ({"kind": "http_batch", "batch_size": "1001"}, "batch_size"),
        ({"connections": "101"}, "connections"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field(client: Client, typed: dict[str, str], field: str) -> None:
    answer = client.post(ADD, {**GATEWAY, **typed})
    assert set(errors(answer)) == {field}
    assert not Provider.objects.filter(name="gateway").exists()


def test_a_connection_that_fails_is_told_in_words(client: Client, workspace: Workspace) -> None:
    gateway = make_provider(workspace, "http", config={"url": "http://127.0.0.1:1/"}, is_default=False)
    answer = client.post(f"/admin/providers/provider/{gateway.pk}/test/", headers={"Accept": "application/json"})
    assert answer.json() == {"ok": False, "message": "127.0.0.1:1: connection refused", "details": []}
