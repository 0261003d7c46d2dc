"""The setup pages: keys shown once, passwords never, one default per type, files by mouse, the trail, the banner."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audiences.models import Suppression, Upload
from campaigns.models import Campaign
from common.encryption import decrypt
from executions.admin_pages import banner
from executions.models import FrequencyCap, Heartbeat
from providers.buckets import slowed_key
from providers.models import Provider, Sender
from tests.factories import make_campaign, make_key, make_list, make_provider, make_sender, make_upload
from workspaces.models import ApiKey, AuditEntry, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
RELAY = {
    "name": "relay",
    "kind": "smtp",
    "type": "email",
    "enabled": "on",
    "connections": "4",
    "host": "relay.test",
    "port": "587",
    "security": "starttls",
    "verify": "on",
    "username": "volley",
    "password": "hunter2!",
}


def _errors(answer: Any) -> dict[str, Any]:
    errors: dict[str, Any] = answer.context["adminform"].form.errors
    return errors


def test_a_new_key_is_shown_once_and_opens_the_api(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    answer = client.post("/admin/workspaces/apikey/add/", {"name": "integration", "scopes": ["campaigns:read"]})
    plain = answer.context["plain"]
    assert "no-store" in answer["Cache-Control"]
    assert plain.encode() in answer.content
    key = ApiKey.objects.get(workspace=workspace)
    for path in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
        assert plain.encode() not in client.get(f"/admin/workspaces/apikey/{path}").content
    called = Client().get("/api/v1/campaigns", headers={"Authorization": f"Bearer {plain}"})
    assert called.status_code == 200


def test_a_key_needs_a_name_and_a_scope(staff: Staff) -> None:
    answer = staff(Role.ADMIN).post("/admin/workspaces/apikey/add/", {"name": " ", "scopes": []})
    assert set(_errors(answer)) == {"name", "scopes"}


def test_a_key_is_revoked(staff: Staff, workspace: Workspace) -> None:
    made = make_key(workspace)
    staff(Role.ADMIN).post("/admin/workspaces/apikey/", {"action": "revoke_selected", "_selected_action": made.key.pk})
    called = Client().get("/api/v1/campaigns", headers={"Authorization": f"Bearer {made.plain}"})
    assert called.status_code == 401


def test_a_providers_password_is_stored_encrypted_and_never_shown(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    assert client.post("/admin/providers/provider/add/", RELAY).status_code == 302
    relay = Provider.objects.get(name="relay")
    assert json.loads(decrypt(relay.credentials)) == {"password": "hunter2!"}
    assert "hunter2!" not in json.dumps(relay.config)
    page = client.get(f"/admin/providers/provider/{relay.pk}/change/").content
    assert b"hunter2!" not in page and relay.credentials.encode() not in page


def test_the_stored_password_is_never_taken_to_another_host(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    client.post("/admin/providers/provider/add/", RELAY)
    relay = Provider.objects.get(name="relay")
    address, moved = f"/admin/providers/provider/{relay.pk}/change/", {**RELAY, "host": "mine.test"}
    refused = client.post(address, {**moved, "password": ""})
    assert set(_errors(refused)) == {"password"}
    assert Provider.objects.get(pk=relay.pk).config["host"] == "relay.test"
    assert client.post(address, {**moved, "password": "another one"}).status_code == 302


def test_a_password_of_a_lost_key_is_asked_for_again(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    client.post("/admin/providers/provider/add/", RELAY)
    relay = Provider.objects.get(name="relay")
    relay.credentials = "made with another key"
    relay.save()
    refused = client.post(f"/admin/providers/provider/{relay.pk}/change/", {**RELAY, "password": ""})
    assert set(_errors(refused)) == {"password"}


def test_an_empty_password_keeps_the_stored_one_and_a_switch_forgets_it(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    client.post("/admin/providers/provider/add/", RELAY)
    relay = Provider.objects.get(name="relay")
    path = f"/admin/providers/provider/{relay.pk}/change/"
    assert client.post(path, {**RELAY, "password": "", "port": "2525"}).status_code == 302
    relay.refresh_from_db()
    assert relay.config["port"] == 2525
    assert json.loads(decrypt(relay.credentials)) == {"password": "hunter2!"}
    client.post(path, {**RELAY, "password": "", "forget_password": "on"})
    relay.refresh_from_db()
    assert relay.credentials == ""


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"host": ""}, "host"),
        ({"host": "two words"}, "host"),
        ({"port": "0"}, "port"),
        ({"username": ""}, "username"),
        ({"type": "sms"}, "type"),
        ({"security": "magic"}, "security"),
        ({"name": "\x00"}, "name"),
    ],
)
def test_a_wrong_relay_is_refused_at_its_field(typed: dict[str, str], field: str, staff: Staff) -> None:
    answer = staff(Role.ADMIN).post("/admin/providers/provider/add/", {**RELAY, **typed})
    assert field in _errors(answer)
    assert not Provider.objects.filter(kind="smtp").exists()


def test_a_connection_that_fails_is_told_in_words(staff: Staff, workspace: Workspace) -> None:
    config = {"host": "127.0.0.1", "port": 1, "security": "none"}
    relay = make_provider(workspace, "smtp", config=config, is_default=False)
    answer = staff(Role.ADMIN).post(
        f"/admin/providers/provider/{relay.pk}/test/", headers={"Accept": "application/json"}
    )
    assert answer.json()["ok"] is False
    assert "127.0.0.1" in answer.json()["message"]


@pytest.mark.parametrize("model", ["provider", "sender"])
def test_one_of_a_type_is_the_default(model: str, staff: Staff, workspace: Workspace) -> None:
    rows: list[Any] = (
        [make_provider(workspace, type="email"), make_provider(workspace, type="email", is_default=False)]
        if model == "provider"
        else [make_sender(workspace, is_default=True), make_sender(workspace)]
    )
    staff(Role.ADMIN).post(
        f"/admin/providers/{model}/", {"action": "make_default_selected", "_selected_action": rows[1].pk}
    )
    for row in rows:
        row.refresh_from_db()
    assert [row.is_default for row in rows] == [False, True]


def test_two_defaults_of_a_type_are_refused_by_the_form(staff: Staff, workspace: Workspace) -> None:
    make_sender(workspace, type="sms", is_default=True)
    email = make_sender(workspace, is_default=True)
    body = {"type": "sms", "name": email.name, "address": email.address, "reply_to": ""}
    answer = staff(Role.ADMIN).post(f"/admin/providers/sender/{email.pk}/change/", body)
    assert answer.status_code == 200
    assert _errors(answer)


@pytest.mark.parametrize(("field", "value"), [("address", "nope"), ("name", "Two\r\nBcc: x@y.test"), ("reply_to", "x")])
def test_a_wrong_sender_is_refused_at_its_field(field: str, value: str, staff: Staff) -> None:
    body = {"type": "email", "name": "Acme", "address": "news@acme.test", "reply_to": "", field: value}
    assert field in _errors(staff(Role.EDITOR).post("/admin/providers/sender/add/", body))
    assert not Sender.objects.exists()


def test_a_cap_is_made_changed_and_deleted_through_its_service(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    body = {"max": "2", "window": "24h", "type": "email", "tag": ""}
    assert client.post("/admin/executions/frequencycap/add/", body).status_code == 302
    cap = FrequencyCap.objects.get(workspace=workspace)
    path = f"/admin/executions/frequencycap/{cap.pk}/"
    assert client.post(f"{path}change/", {**body, "window": "7d"}).status_code == 302
    assert FrequencyCap.objects.get().window_seconds == 7 * 86400
    assert "window" in _errors(client.post("/admin/executions/frequencycap/add/", {**body, "window": "soon"}))
    assert "window" in _errors(client.post("/admin/executions/frequencycap/add/", {**body, "window": "7d"}))
    client.post(f"{path}delete/", {"post": "yes"})
    assert not FrequencyCap.objects.exists()
    trail = AuditEntry.objects.filter(object_type="frequency_cap").order_by("pk")
    assert [entry.action for entry in trail] == ["created", "changed", "deleted"]


def test_a_suppression_is_made_normalized_and_removed(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.EDITOR)
    body = {"type": "email", "value": "STOP@Example.test", "reason": "asked by phone", "source": ""}
    assert client.post("/admin/audiences/suppression/add/", body).status_code == 302
    made = Suppression.objects.get(workspace=workspace)
    assert (made.value, made.reason) == ("stop@example.test", "asked by phone")
    assert "value" in _errors(client.post("/admin/audiences/suppression/add/", body))
    assert "value" in _errors(client.post("/admin/audiences/suppression/add/", {**body, "value": "nope"}))
    client.post(f"/admin/audiences/suppression/{made.pk}/delete/", {"post": "yes"})
    assert not Suppression.objects.exists()


def test_a_file_is_uploaded_into_a_list(staff: Staff, workspace: Workspace) -> None:
    chosen = make_list(workspace)
    file = SimpleUploadedFile("people.csv", b"external_id,email\nu1,u1@example.test\n")
    answer = staff(Role.EDITOR).post("/admin/audiences/upload/add/", {"file": file, "list": chosen.pk, "keep": "on"})
    upload = Upload.objects.get()
    assert answer["Location"] == f"/admin/audiences/upload/{upload.pk}/change/"
    assert (upload.name, upload.list_id, upload.keep, upload.state) == ("people.csv", chosen.pk, True, "mapping")


@pytest.mark.parametrize(
    ("name", "body"), [("people.csv", b""), ("people.exe", b"MZ"), ("people.csv", b"\xff\xfe\x00")]
)
def test_a_file_that_makes_no_sense_is_refused(name: str, body: bytes, staff: Staff) -> None:
    answer = staff(Role.EDITOR).post("/admin/audiences/upload/add/", {"file": SimpleUploadedFile(name, body)})
    assert answer.status_code == 200
    assert "file" in _errors(answer)
    assert not Upload.objects.exists()


def test_the_progress_of_an_import_is_told(staff: Staff, workspace: Workspace) -> None:
    upload = make_upload(workspace, state="importing", bytes_total=100, bytes_read=40, rows_read=4, created=4)
    state = staff(Role.VIEWER).get(f"/admin/audiences/upload/{upload.pk}/progress/").json()
    assert (state["progress"], state["ended"], state["counts"]["created"]) == (0.4, False, 4)


CAMPAIGN = {"purpose": "marketing", "personalization": "{}", "on_cap": "skip", "on_unknown": "hold", "type": "email"}


def test_a_campaign_is_made_and_rests(staff: Staff, workspace: Workspace) -> None:
    body = {**CAMPAIGN, "name": "Diwali", "tag_names": "Sale, Brand", "personalization": '{"offer": "10%"}'}
    answer = staff(Role.EDITOR).post("/admin/campaigns/campaign/add/", body)
    campaign = Campaign.objects.get()
    assert answer["Location"] == f"/admin/campaigns/campaign/{campaign.pk}/launch/"
    assert [tag.name for tag in campaign.tags.order_by("pk")] == ["Brand", "Sale"] or campaign.tags.count() == 2
    assert campaign.personalization == {"offer": "10%"}
    assert campaign.created_by_kind == "user"
    assert not campaign.executions.exists()


def test_saving_a_campaign_as_it_is_shown_changes_nothing(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace, tags=["Sale"], personalization={"offer": "10%", "nested": {"a": [1, "é"]}})
    client, path = staff(Role.EDITOR), f"/admin/campaigns/campaign/{campaign.pk}/change/"
    form = client.get(path).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    typed = {name: value for name, value in shown.items() if value not in (None, False)}
    assert client.post(path, typed).status_code == 302
    before, campaign = campaign, Campaign.objects.get()
    assert campaign.personalization == {"offer": "10%", "nested": {"a": [1, "é"]}}
    assert (campaign.name, campaign.template_id, campaign.once) == (before.name, before.template_id, False)
    assert [tag.name for tag in campaign.tags.all()] == ["Sale"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"tag_names": "a,b,c,d,e,f"}, "tag_names"),
        ({"tag_names": "x" * 26}, "tag_names"),
        ({"type": "push"}, "apps"),
        ({"personalization": "[1]"}, "personalization"),
        ({"personalization": '{"a": "\\u0000"}'}, "personalization"),
        ({"personalization": '{"a": "\\ud800"}'}, "personalization"),
        ({"personalization": '{"a": NaN}'}, "personalization"),
        ({"personalization": "[" * 100_000}, "personalization"),
        ({"personalization": '{"contact": 1}'}, "personalization"),
        ({"name": "x" * 201}, "name"),
    ],
)
def test_a_wrong_campaign_is_refused_at_its_field(typed: dict[str, str], field: str, staff: Staff) -> None:
    answer = staff(Role.EDITOR).post("/admin/campaigns/campaign/add/", {**CAMPAIGN, "name": "Wrong", **typed})
    assert answer.status_code == 200
    assert field in _errors(answer)
    assert not Campaign.objects.exists()


def test_a_campaign_is_archived(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    staff(Role.EDITOR).post(
        "/admin/campaigns/campaign/", {"action": "archive_selected", "_selected_action": campaign.pk}
    )
    campaign.refresh_from_db()
    assert campaign.state == "archived"


def test_what_the_admin_changes_is_in_the_trail_with_the_name(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    client.post("/admin/workspaces/app/add/", {"app_id": "shop-web", "name": "Shop"})
    app = workspace.apps.get()
    client.post(f"/admin/workspaces/app/{app.pk}/change/", {"name": "The shop"})
    entries = AuditEntry.objects.filter(object_type="app").order_by("pk")
    assert [(entry.action, entry.details) for entry in entries] == [("created", {}), ("changed", {"fields": ["Name"]})]
    assert b"changed" in client.get(f"/admin/workspaces/app/{app.pk}/history/").content


def test_an_unknown_time_zone_is_refused(staff: Staff, workspace: Workspace) -> None:
    body = {"name": "Acme", "slug": workspace.slug, "timezone": "Mars/Olympus"}
    answer = staff(Role.ADMIN).post(f"/admin/workspaces/workspace/{workspace.pk}/change/", body)
    assert "timezone" in _errors(answer)


def test_the_banner_names_what_is_silent(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "_kept", (-banner.KEPT_SECONDS, ()))
    Heartbeat.objects.all().delete()
    page = staff(Role.VIEWER).get("/admin/").content.decode()
    assert 'class="v-banner"' in page
    assert "worker" in page and "beat" in page


def test_the_dashboard_counts_executions_of_the_workspace_alone(
    staff: Staff, workspace: Workspace, other_workspace: Workspace
) -> None:
    from tests.factories import make_execution

    make_execution(make_campaign(workspace), state="running")
    make_execution(make_campaign(other_workspace), state="running")
    numbers = staff(Role.VIEWER).get("/admin/").context["numbers"]
    assert [number["value"] for number in numbers] == [1, 0, 0, 1]


def test_a_provider_has_rates_for_recipient_domains(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    given = {**RELAY, "rate_per_second": "50", "domain_rates": "Gmail.com 20\n* 5"}
    assert client.post("/admin/providers/provider/add/", given).status_code == 302
    relay = Provider.objects.get(name="relay")
    assert (relay.rate_per_second, relay.domain_rates) == (50, {"gmail.com": 20.0, "*": 5.0})
    path = f"/admin/providers/provider/{relay.pk}/change/"
    page = client.get(path).content.decode()
    assert "gmail.com 20\n* 5" in page
    refused = client.post(path, {**given, "rate_per_second": "0", "domain_rates": "gmail.com fast"})
    assert set(_errors(refused)) == {"rate_per_second", "domain_rates"}
    client.post(path, {**given, "password": "", "domain_rates": ""})
    relay.refresh_from_db()
    assert relay.domain_rates == {}


def test_a_provider_says_what_it_is_slowed_down_to(staff: Staff, workspace: Workspace) -> None:
    client = staff(Role.ADMIN)
    client.post("/admin/providers/provider/add/", RELAY)
    relay = Provider.objects.get(name="relay")
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    valkey.hset(slowed_key(relay.pk), "*", "12 0 100 0")
    page = client.get("/admin/providers/provider/").content.decode()
    valkey.delete(slowed_key(relay.pk))
    valkey.close()
    assert "Ready, slowed down to 12/s" in page
