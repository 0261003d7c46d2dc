"""The events page of the admin."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from audiences.events.sdk.accepting import accept_messages
from tests.admin.conftest import signed_in
from tests.factories import make_app, make_contact, make_event, make_member, make_workspace
from workspaces.models import App, Membership, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
PAGE = "/admin/audiences/event/"
ROWS = f"{PAGE}rows/"


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    return signed_in(make_member(workspace, Role.VIEWER))


@pytest.fixture
def app(workspace: Workspace) -> App:
    return make_app(workspace, "shop-web")


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200
    return [row["name"] for row in answer.context["rows"]]


def test_the_last_events_come_first_with_all_that_was_sent(viewer: Client, workspace: Workspace) -> None:
    contact = make_contact(workspace, external_id="user-1")
    make_event(contact, name="first")
    make_event(contact, name="second", properties={"sku": "<b>Ä-1"})
    answer = viewer.get(PAGE)
    assert names(answer) == ["second", "first"]
    text = answer.content.decode()
    assert "&lt;b&gt;Ä-1" in text and "<b>Ä-1" not in text
    assert f"/admin/audiences/contact/{contact.pk}/change/" in text
    assert names(viewer.get(ROWS)) == ["second", "first"]


def test_filters_are_by_name_and_person(viewer: Client, workspace: Workspace) -> None:
    one = make_contact(workspace, external_id="user-1", email="one@example.test")
    two = make_contact(workspace, external_id="user-2", email="two@example.test")
    make_event(one, name="a")
    make_event(two, name="b")
    for page in (PAGE, ROWS):
        assert names(viewer.get(page, {"name": "a"})) == ["a"]
        assert names(viewer.get(page, {"person": "user-2"})) == ["b"]
        assert names(viewer.get(page, {"person": "One@example.test"})) == ["a"]
        assert names(viewer.get(page, {"person": "nobody"})) == []


def test_whose_name_it_is_not_may_be_an_anonymous_id(viewer: Client, app: App) -> None:
    visit = {"type": "track", "event": "visited", "anonymousId": "n-1"}
    accept_messages(app=app, messages=[visit, {**visit, "anonymousId": "n-2"}])
    assert [row["anonymous_id"] for row in viewer.get(ROWS, {"person": "n-1"}).context["rows"]] == ["n-1"]


def test_a_person_without_an_external_id_is_shown_by_an_address(viewer: Client, workspace: Workspace) -> None:
    for email in ("ana@example.test", None):
        make_event(make_contact(workspace, external_id=None, email=email), name="a")
    nameless, ana = (row["person"] for row in viewer.get(ROWS).context["rows"])
    assert ana == "ana@example.test"
    assert nameless.startswith("contact ")


def test_older_ones_are_a_page_away(viewer: Client, workspace: Workspace) -> None:
    contact = make_contact(workspace)
    for number in range(51):
        make_event(contact, name=f"event-{number}")
    first = viewer.get(PAGE)
    assert len(names(first)) == 50
    assert "events.js" in first.content.decode()
    second = viewer.get(PAGE + first.context["older_url"])
    assert names(second) == ["event-0"]
    assert "events.js" not in second.content.decode()


def test_staff_of_two_workspaces_choose_one(workspace: Workspace) -> None:
    other, foreign = make_workspace(), make_workspace()
    user = make_member(workspace, Role.VIEWER)
    Membership.objects.create(user=user, workspace=other, role=Role.VIEWER)
    for one in (workspace, other, foreign):
        make_event(make_contact(one), name=f"of {one.name}")
    client = signed_in(user)
    for one in (workspace, other):
        assert names(client.get(PAGE, {"workspace": one.pk})) == [f"of {one.name}"]
        assert names(client.get(ROWS, {"workspace": one.pk})) == [f"of {one.name}"]
    assert f"of {foreign.name}" not in names(client.get(PAGE, {"workspace": foreign.pk}))


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "before=" + "9" * 40, "name=%FF", "workspace=%FF", "person=%E2"]
)
def test_strange_queries_break_nothing(query: str, viewer: Client) -> None:
    assert viewer.get(f"{PAGE}?{query}").status_code == 200
    assert viewer.get(f"{ROWS}?{query}").status_code == 200


def test_it_only_reads(viewer: Client) -> None:
    assert viewer.post(PAGE).status_code == 405


def test_a_contact_leads_to_what_they_did(viewer: Client, workspace: Workspace) -> None:
    one = make_contact(workspace, external_id="user & 1", email="one@example.test")
    two = make_contact(workspace, external_id=None, email="two@example.test")
    make_event(one, name="a")
    make_event(two, name="b")
    for contact, name in ((one, "a"), (two, "b")):
        page = viewer.get(f"/admin/audiences/contact/{contact.pk}/change/").content.decode()
        (link,) = re.findall(r'href="(/admin/audiences/event/[^"]*)">What they did', page)
        assert names(viewer.get(unescape(link))) == [name]
