"""Change lists: they page by key, never count, ask as often for many rows as for few, and escape what they show."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.admin.conftest import signed_in
from tests.admin.rows import make_one_of_everything
from tests.factories import make_contact, make_contacts, make_list, make_member, make_workspace
from workspaces.models import Membership, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
MOST_QUERIES = 10
HOSTILE = "<script>alert(1)</script>"


def _queries(client: Client, path: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    # The banner's query is asked once in some seconds, by whoever comes first.
    return [query["sql"] for query in captured.captured_queries if "heartbeat" not in query["sql"]]


@pytest.mark.parametrize("label", sorted(model._meta.label_lower for model in admin.site._registry))
def test_a_list_never_counts_and_asks_no_more_for_more_rows(label: str, workspace: Workspace) -> None:
    client, path = signed_in(make_member(workspace, Role.ADMIN)), f"/admin/{label.replace('.', '/')}/"
    make_one_of_everything(workspace, "First")
    client.get(path)
    few = _queries(client, path)
    for n in range(3):
        make_one_of_everything(workspace, f"More{n}")
    many = _queries(client, path)
    assert len(many) == len(few) <= MOST_QUERIES
    assert not [sql for sql in many if sql.upper().startswith("SELECT COUNT(")]


def test_pages_follow_the_key_in_both_directions(staff: Callable[[Role], Client], workspace: Workspace) -> None:
    names = [contact.external_id for contact in make_contacts(workspace, 120, email=None)][::-1]
    client, seen, path = staff(Role.VIEWER), [], "/admin/audiences/contact/"
    while True:
        changes = client.get(path).context["cl"]
        seen.append([row.external_id for row in changes.result_list])
        if changes.older_url is None:
            break
        path = f"/admin/audiences/contact/{changes.older_url}"
    assert [name for page in seen for name in page] == names
    assert [len(page) for page in seen] == [50, 50, 20]
    back = client.get(f"/admin/audiences/contact/{changes.newer_url}").context["cl"]
    assert [row.external_id for row in back.result_list] == seen[1]


def test_a_filter_stays_while_paging(staff: Callable[[Role], Client], workspace: Workspace) -> None:
    chosen = make_list(workspace, make_contacts(workspace, 60, email=None))
    make_contacts(workspace, 5, email=None)
    first = staff(Role.VIEWER).get(f"/admin/audiences/contact/?list={chosen.pk}").context["cl"]
    assert len(first.result_list) == 50
    assert f"list={chosen.pk}" in first.older_url


def test_what_people_wrote_is_escaped(staff: Callable[[Role], Client], workspace: Workspace) -> None:
    keys = make_one_of_everything(workspace, HOSTILE[:20])
    make_contact(workspace, external_id=HOSTILE, attributes={HOSTILE: HOSTILE}, email=None)
    client = staff(Role.ADMIN)
    for label, key in keys.items():
        for path in ("", f"{key}/change/", f"{key}/history/"):
            body = client.get(f"/admin/{label.replace('.', '/')}/{path}", follow=True).content.decode()
            assert "<script>alert" not in body, (label, path)
    for page in ("live", "deliveries"):
        body = client.get(f"/admin/executions/execution/{keys['executions.execution']}/{page}/").content.decode()
        assert "<script>alert" not in body


def test_a_contact_is_found_by_id_and_by_address(staff: Callable[[Role], Client], workspace: Workspace) -> None:
    wanted = make_contact(workspace, external_id="find-me", email="find@example.test")
    make_contact(workspace)
    client = staff(Role.VIEWER)
    for term in ("find-me", "find@example.test", "FIND@example.test"):
        assert [row.pk for row in client.get("/admin/audiences/contact/", {"q": term}).context["cl"].result_list] == [
            wanted.pk
        ]


def test_a_workspace_with_one_choice_is_not_asked_for(staff: Callable[[Role], Client]) -> None:
    form = staff(Role.ADMIN).get("/admin/audiences/list/add/").context["adminform"].form
    assert "workspace" not in form.fields


def test_a_list_is_made_in_the_only_workspace(staff: Callable[[Role], Client], workspace: Workspace) -> None:
    answer = staff(Role.EDITOR).post("/admin/audiences/list/add/", {"name": "Newsletter", "description": ""})
    assert answer.status_code == 302
    assert workspace.lists.get(name="Newsletter").created_by_kind == "user"


@pytest.mark.parametrize("label", sorted(model._meta.label_lower for model in admin.site._registry))
def test_a_list_is_filtered_by_workspace_and_ignores_words_that_name_none(label: str, workspace: Workspace) -> None:
    member, path = make_member(workspace, Role.ADMIN), f"/admin/{label.replace('.', '/')}/"
    other = make_workspace()
    Membership.objects.create(user=member, workspace=other, role=Role.ADMIN)
    client = signed_in(member)
    for chosen in (str(workspace.pk), "\u00b2", "-1", "x", "9" * 30):
        assert client.get(path, {"workspace": chosen}, follow=True).status_code == 200
