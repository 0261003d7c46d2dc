"""Every way that changes a consent writes it down; none subscribes again without source and time."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Address, ConsentChange, Contact, Suppression
from audiences.unsubscribe import unsubscribe_token
from audiences.uploads import create_upload
from audiences.upsert import upsert_contacts
from common.authorship import SYSTEM
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from tests.api_client import Api
from tests.audiences.events.sdk_client import Sdk
from tests.factories import make_app, make_campaign, make_contact, make_write_key
from workspaces.models import Workspace

EMAIL = "ana@example.test"
PROOF = {"consent_source": "checkout", "consent_at": "2026-10-05T09:00:00Z"}
LEFT = "2026-09-01T00:00:00Z"
Say = Callable[[Workspace, dict[str, str]], None]


@pytest.fixture
def ana(workspace: Workspace) -> Address:
    return make_contact(workspace, email=EMAIL, external_id="ana").addresses.get()


def row(said: dict[str, str]) -> dict[str, Any]:
    return {"external_id": "ana", "addresses": [{"type": "email", "value": EMAIL, **said}]}


def by_api(workspace: Workspace, said: dict[str, str]) -> None:
    answer = Api.of(workspace).post("/api/v1/contacts", {"contacts": [row(said)]})
    assert answer.status_code == 200


def by_upload(workspace: Workspace, said: dict[str, str]) -> None:
    names = ("consent", "consent_source", "consent_at")
    lines = f"external_id,email,{','.join(names)}\nana,{EMAIL},{','.join(said.get(name, '') for name in names)}\n"
    upload = create_upload(workspace_id=workspace.pk, file=ContentFile(lines.encode(), name="a.csv"), actor=SYSTEM)
    import_upload(upload_id=upload.pk)


def by_launch(workspace: Workspace, said: dict[str, str]) -> None:
    audience = {"type": "contacts", "contacts": [row(said)]}
    launch(campaign=make_campaign(workspace), request=LaunchRequest(audience=audience), actor=SYSTEM)


def by_sdk(workspace: Workspace, said: dict[str, str]) -> None:
    app = make_app(workspace)
    traits = {"email": EMAIL, "consent": {"email": said["consent"]}}
    Sdk(make_write_key(app)).kept("identify", {"userId": "ana", "traits": traits})


def by_event(workspace: Workspace, said: dict[str, str]) -> None:
    events = [{"name": "x", "external_id": "ana"}, {"name": "x", "email": EMAIL}]
    assert Api.of(workspace).post("/api/v1/events", {"events": events}).json()["accepted"] == 2


BY_ROW: dict[str, Say] = {"api": by_api, "upload": by_upload, "launch": by_launch}
EVERY_WAY: dict[str, Say] = {**BY_ROW, "sdk": by_sdk, "event": by_event}


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def history() -> list[tuple[str, str, str, str]]:
    rows = ConsentChange.objects.order_by("pk")
    return [(one.before, one.after, one.source, one.way) for one in rows]


def refuse(address: Address, at: str = LEFT) -> None:
    Address.objects.filter(pk=address.pk).update(consent="unsubscribed", consent_source="desk", consent_at=at)


@pytest.mark.parametrize("way", EVERY_WAY)
def test_no_way_in_subscribes_again_without_source_and_time(way: str, ana: Address, workspace: Workspace) -> None:
    refuse(ana)
    Suppression.objects.create(workspace=workspace, type="email", value=EMAIL, reason="unsubscribed")
    for proof in ({}, {"consent_source": "checkout"}, {"consent_at": PROOF["consent_at"]}):
        EVERY_WAY[way](workspace, {"consent": "subscribed", **proof})
    assert Address.objects.get(value=EMAIL).consent == "unsubscribed"
    assert Suppression.objects.exists() and history() == []


@pytest.mark.parametrize("way", EVERY_WAY)
def test_a_proof_older_than_the_refusal_does_not_either(way: str, ana: Address, workspace: Workspace) -> None:
    refuse(ana, "2026-11-01T00:00:00Z")
    EVERY_WAY[way](workspace, {"consent": "subscribed", **PROOF})
    assert Address.objects.get(value=EMAIL).consent == "unsubscribed" and history() == []


@pytest.mark.parametrize("way", BY_ROW)
def test_a_newer_proof_does_and_is_written_down(way: str, ana: Address, workspace: Workspace) -> None:
    refuse(ana)
    BY_ROW[way](workspace, {"consent": "subscribed", **PROOF})
    assert history() == [("unsubscribed", "subscribed", "checkout", way)]
    [change] = ConsentChange.objects.all()
    assert (change.contact_id, change.value, change.before_source) == (ana.contact_id, EMAIL, "desk")
    assert change.at is not None and change.at.isoformat() == "2026-10-05T09:00:00+00:00"


def test_even_a_proof_from_an_sdk_is_none(ana: Address, workspace: Workspace) -> None:
    """A write key is public: whoever looks at the page has it."""
    refuse(ana)
    by_sdk(workspace, {"consent": "subscribed"})
    assert history() == []


@pytest.mark.parametrize("way", [*BY_ROW, "sdk"])
def test_every_way_out_is_written_down_once(way: str, ana: Address, workspace: Workspace) -> None:
    for _ in range(2):
        EVERY_WAY[way](workspace, {"consent": "unsubscribed"})
    assert [(before, after, by) for before, after, _, by in history()] == [("subscribed", "unsubscribed", way)]


@pytest.mark.parametrize("way", [*BY_ROW, "sdk"])
def test_an_older_proof_lifts_no_refusal_that_has_no_time(way: str, ana: Address, workspace: Workspace) -> None:
    EVERY_WAY[way](workspace, {"consent": "unsubscribed"})
    BY_ROW.get(way, by_api)(workspace, {"consent": "subscribed", **PROOF})
    [(_, after, _, _)] = history()
    ana.refresh_from_db()
    assert (after, ana.consent) == ("unsubscribed", "unsubscribed") and ana.consent_at is not None


def test_the_link_and_the_page_of_preferences_are_written_down(ana: Address) -> None:
    token = unsubscribe_token(execution_id=0, contact_id=ana.contact_id, address_id=ana.pk)
    client = Client()
    for _ in range(2):
        client.post(f"/u/{token}")
    client.post(f"/preferences/{token}", {"type": "email", "choice": "subscribed"})
    assert history() == [
        ("subscribed", "unsubscribed", "one_click", "link"),
        ("unsubscribed", "subscribed", "preferences", "preferences"),
    ]


def test_a_plain_first_sight_writes_nothing(workspace: Workspace) -> None:
    rows = [
        {"email": EMAIL},
        {"external_id": "b", "addresses": [{"type": "email", "value": "b@example.test", **PROOF}]},
    ]
    upsert_contacts(workspace_id=workspace.pk, rows=rows)
    assert history() == []
    assert Address.objects.get(value="b@example.test").consent_source == "checkout"


def test_what_an_address_came_with_is_told_by_its_first_change(workspace: Workspace) -> None:
    by_api(workspace, {"consent": "subscribed", **PROOF})
    by_api(workspace, {"consent": "unsubscribed"})
    [change] = ConsentChange.objects.all()
    assert change.before_source == "checkout" and change.before_at is not None


def test_said_twice_in_one_call_is_told_twice(workspace: Workspace) -> None:
    rows = [row({"consent": "unsubscribed", "consent_at": LEFT}), row({"consent": "subscribed", **PROOF})]
    upsert_contacts(workspace_id=workspace.pk, rows=rows)
    [change] = ConsentChange.objects.all()
    assert change.contact_id == Contact.objects.get().pk
    assert (change.before, change.after) == ("unsubscribed", "subscribed")


def test_the_api_tells_it_newest_first_by_pages(api: Api, ana: Address, workspace: Workspace) -> None:
    by_api(workspace, {"consent": "unsubscribed", "consent_source": "desk", "consent_at": LEFT})
    by_api(workspace, {"consent": "subscribed", "consent_source": "shop", "consent_at": "2026-11-20T00:00:00Z"})
    path = f"/api/v1/contacts/{ana.contact_id}/consents"
    page = api.get(f"{path}?limit=1").json()
    assert (page["contact_id"], page["addresses"][0]["consent_source"]) == (ana.contact_id, "shop")
    [newest] = page["results"]
    assert newest["to"] == {"consent": "subscribed", "source": "shop", "at": "2026-11-20T00:00:00Z"}
    assert newest["from"] == {"consent": "unsubscribed", "source": "desk", "at": LEFT}
    [oldest] = api.get(page["next"]).json()["results"]
    assert (oldest["way"], oldest["from"]["source"]) == ("api", None)


def test_who_was_deleted_having_unsubscribed_stays_so(api: Api, ana: Address, workspace: Workspace) -> None:
    by_api(workspace, {"consent": "unsubscribed", "consent_source": "desk"})
    assert api.delete(f"/api/v1/contacts/{ana.contact_id}").status_code == 204
    assert not ConsentChange.objects.exists()
    by_api(workspace, {})
    [held] = Suppression.objects.all()
    assert (held.value, held.reason, held.source) == (EMAIL, "unsubscribed", "desk")


@pytest.mark.parametrize("proof", [{}, {"consent": "subscribed"}, {"consent": "subscribed", "consent_source": "x"}])
def test_who_comes_under_another_name_has_not_subscribed_by_that(
    proof: dict[str, str], ana: Address, workspace: Workspace
) -> None:
    refuse(ana)
    rows = [{"external_id": "again", "addresses": [{"type": "email", "value": EMAIL.upper(), **proof}]}]
    assert upsert_contacts(workspace_id=workspace.pk, rows=rows).created == 1
    again = Address.objects.get(contact__external_id="again")
    assert (again.consent, again.consent_source) == ("unsubscribed", "desk")


def test_unless_they_prove_it(ana: Address, workspace: Workspace) -> None:
    refuse(ana)
    proven = {"type": "email", "value": EMAIL, "consent": "subscribed", **PROOF}
    upsert_contacts(workspace_id=workspace.pk, rows=[{"external_id": "again", "addresses": [proven]}])
    assert Address.objects.get(contact__external_id="again").consent == "subscribed"
    assert Address.objects.get(pk=ana.pk).consent == "unsubscribed"


def test_refusals_elsewhere_are_no_concern(ana: Address, other_workspace: Workspace) -> None:
    refuse(ana)
    make_contact(other_workspace, email="b@example.test").addresses.update(consent="unsubscribed")
    upsert_contacts(workspace_id=other_workspace.pk, rows=[{"email": EMAIL}])
    assert Address.objects.get(workspace=other_workspace, value=EMAIL).consent == "subscribed"


def test_refusals_without_a_time_get_that_of_their_receipt(ana: Address, workspace: Workspace) -> None:
    """Those that were kept before they got one at once."""
    bob = make_contact(workspace, email="bob@example.test").addresses.get()
    by_api(workspace, {"consent": "unsubscribed"})
    Address.objects.update(consent="unsubscribed", consent_at=None)
    migration = import_module("audiences.migrations.0014_times_of_refusals")
    with connection.cursor() as cursor:
        cursor.execute(migration.RECEIVED)
    times = dict(Address.objects.values_list("pk", "consent_at"))
    assert times == {ana.pk: ConsentChange.objects.get().recorded_at, bob.pk: bob.created_at}
