"""What each role may do on each page: a viewer sees, an editor makes, a launcher launches, an admin sets up."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client

from tests.admin.conftest import signed_in
from tests.admin.rows import make_one_of_everything
from tests.factories import (
    make_app,
    make_campaign,
    make_execution,
    make_list,
    make_member,
    make_sender,
    make_user,
    make_write_key,
)
from workspaces.models import Membership, User, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
ROLES = list(Role)
# The lowest role that may see the page, add a row, change one; None where nobody may.
PAGES: dict[str, tuple[Role, Role | None, Role | None]] = {
    "audiences.contact": (Role.VIEWER, None, None),
    "audiences.list": (Role.VIEWER, Role.EDITOR, Role.EDITOR),
    "audiences.segment": (Role.VIEWER, Role.EDITOR, Role.EDITOR),
    "audiences.suppression": (Role.VIEWER, Role.EDITOR, None),
    "audiences.upload": (Role.VIEWER, Role.EDITOR, None),
    "campaigns.campaign": (Role.VIEWER, Role.EDITOR, Role.EDITOR),
    "executions.execution": (Role.VIEWER, None, None),
    "executions.frequencycap": (Role.VIEWER, Role.ADMIN, Role.ADMIN),
    "executions.quiethours": (Role.VIEWER, Role.ADMIN, Role.ADMIN),
    "executions.schedule": (Role.VIEWER, None, None),
    "providers.provider": (Role.VIEWER, Role.ADMIN, Role.ADMIN),
    "providers.sandboxmessage": (Role.VIEWER, None, None),
    "providers.sender": (Role.VIEWER, Role.EDITOR, Role.EDITOR),
    "templates_registry.template": (Role.VIEWER, Role.EDITOR, Role.EDITOR),
    "templates_registry.templateversion": (Role.VIEWER, None, None),
    "workspaces.apikey": (Role.ADMIN, Role.ADMIN, None),
    "workspaces.app": (Role.VIEWER, Role.ADMIN, Role.ADMIN),
    "workspaces.auditentry": (Role.VIEWER, None, None),
    "workspaces.membership": (Role.VIEWER, Role.ADMIN, Role.ADMIN),
    "workspaces.user": (Role.ADMIN, Role.ADMIN, Role.ADMIN),
    "workspaces.workspace": (Role.VIEWER, None, Role.ADMIN),
    "workspaces.writekey": (Role.VIEWER, Role.ADMIN, None),
}


def test_every_page_has_its_roles() -> None:
    assert set(PAGES) == {model._meta.label_lower for model in admin.site._registry}


def _allows(needed: Role | None, held: Role) -> bool:
    return needed is not None and held.includes(needed)


@pytest.mark.parametrize("role", ROLES)
def test_pages_open_to_the_roles_they_are_for(role: Role, staff: Staff) -> None:
    client = staff(role)
    for label, (see, add, _) in PAGES.items():
        base = f"/admin/{label.replace('.', '/')}/"
        assert (client.get(base).status_code == 200) is _allows(see, role), label
        assert (client.get(f"{base}add/").status_code == 200) is _allows(add, role), label


@pytest.mark.parametrize("role", ROLES)
def test_rows_change_for_the_roles_that_may(role: Role, staff: Staff, workspace: Workspace) -> None:
    client, keys = staff(role), make_one_of_everything(workspace, "Ours")
    for label, (_, _, change) in PAGES.items():
        answer = client.post(f"/admin/{label.replace('.', '/')}/{keys[label]}/change/", {})
        may = answer.status_code == 200 and answer.context is not None and "adminform" in answer.context
        if label not in {"templates_registry.template", "workspaces.user"} and not _allows(change, role):
            assert not may or answer.context["has_change_permission"] is False, label


@pytest.mark.parametrize("role", ROLES)
def test_launching_and_moving_take_a_launcher(role: Role, staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    execution, client = make_execution(campaign), staff(role)
    allowed = role.includes(Role.LAUNCHER)
    launch = f"/admin/campaigns/campaign/{campaign.pk}/launch/"
    assert client.get(launch).status_code == 200
    assert (client.post(launch, {"audience": "all"}).status_code != 403) is allowed
    assert (client.post(f"{launch}test/", {}).status_code != 403) is allowed
    move = f"/admin/executions/execution/{execution.pk}/move/"
    assert (client.post(move, {"move": "pause"}).status_code != 403) is allowed


def test_somebody_without_a_membership_sees_no_page() -> None:
    client = signed_in(make_user(is_staff=True))
    for label in PAGES:
        assert client.get(f"/admin/{label.replace('.', '/')}/").status_code == 403


def test_a_role_in_one_workspace_gives_no_right_in_another(workspace: Workspace, other_workspace: Workspace) -> None:
    user = make_member(workspace, Role.ADMIN)
    Membership.objects.create(user=user, workspace=other_workspace, role=Role.VIEWER)
    client = signed_in(user)
    theirs = make_list(other_workspace, name="Theirs")
    answer = client.post(f"/admin/audiences/list/{theirs.pk}/change/", {"name": "Mine now", "description": ""})
    assert answer.status_code == 403
    client.post("/admin/audiences/list/", {"action": "archive_selected", "_selected_action": theirs.pk})
    theirs.refresh_from_db()
    assert (theirs.name, theirs.archived_at) == ("Theirs", None)


def test_a_default_is_not_moved_in_a_workspace_that_one_only_views(
    workspace: Workspace, other_workspace: Workspace
) -> None:
    user = make_member(workspace, Role.ADMIN)
    Membership.objects.create(user=user, workspace=other_workspace, role=Role.VIEWER)
    theirs = make_sender(other_workspace)
    client = signed_in(user)
    client.post("/admin/providers/sender/", {"action": "make_default_selected", "_selected_action": theirs.pk})
    client.post("/admin/providers/sender/", {"action": "delete_selected", "_selected_action": theirs.pk, "post": "yes"})
    theirs.refresh_from_db()
    assert theirs.is_default is False


def test_a_write_key_is_not_revoked_in_a_workspace_that_one_only_views(
    workspace: Workspace, other_workspace: Workspace
) -> None:
    user = make_member(workspace, Role.ADMIN)
    Membership.objects.create(user=user, workspace=other_workspace, role=Role.VIEWER)
    ours, theirs = make_write_key(make_app(workspace)), make_write_key(make_app(other_workspace))
    body = {"action": "revoke_selected", "_selected_action": [ours.pk, theirs.pk]}
    assert signed_in(user).post("/admin/workspaces/writekey/", body).status_code == 302
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.revoked_at is None, theirs.revoked_at) == (False, None)


def test_things_of_two_workspaces_are_not_joined(workspace: Workspace, other_workspace: Workspace) -> None:
    user = make_member(workspace, Role.ADMIN)
    Membership.objects.create(user=user, workspace=other_workspace, role=Role.ADMIN)
    foreign = make_campaign(other_workspace).template
    body = {
        "workspace": workspace.pk,
        "name": "Joined",
        "type": "email",
        "template": foreign.pk if foreign else "",
        "purpose": "marketing",
        "personalization": "{}",
        "on_cap": "skip",
        "on_unknown": "hold",
    }
    answer = signed_in(user).post("/admin/campaigns/campaign/add/", body)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["template"] == ["This belongs to another workspace."]
    assert not workspace.campaigns.filter(name="Joined").exists()


def test_an_admin_of_one_workspace_cannot_take_over_a_person_of_another(
    staff: Staff, workspace: Workspace, other_workspace: Workspace
) -> None:
    shared = make_member(workspace, Role.VIEWER)
    Membership.objects.create(user=shared, workspace=other_workspace, role=Role.ADMIN)
    chief = User.objects.create_superuser("chief", password="a long password")
    Membership.objects.create(user=chief, workspace=workspace, role=Role.VIEWER)
    client = staff(Role.ADMIN)
    for user in (shared, chief):
        passwords = {"password1": "taken over now", "password2": "taken over now", "usable_password": "true"}
        assert client.post(f"/admin/workspaces/user/{user.pk}/password/", passwords).status_code == 403
        assert client.post(f"/admin/workspaces/user/{user.pk}/change/", {"username": "mine"}).status_code == 403


def test_an_admin_cannot_make_a_superuser(staff: Staff, workspace: Workspace) -> None:
    member = make_member(workspace, Role.VIEWER)
    body = {"username": member.username, "is_active": "on", "is_superuser": "on", "is_staff": "on"}
    answer = staff(Role.ADMIN).post(f"/admin/workspaces/user/{member.pk}/change/", body)
    assert answer.status_code == 302
    member.refresh_from_db()
    assert not member.is_superuser


def test_an_admin_adds_a_person_with_a_membership(staff: Staff, workspace: Workspace) -> None:
    body = {
        "username": "newcomer",
        "usable_password": "true",
        "password1": "a very long one",
        "password2": "a very long one",
        "workspace": workspace.pk,
        "role": "editor",
    }
    answer = staff(Role.ADMIN).post("/admin/workspaces/user/add/", body)
    assert answer.status_code == 302
    made = User.objects.get(username="newcomer")
    assert made.is_staff and not made.is_superuser
    assert [(each.workspace_id, each.role) for each in made.memberships.all()] == [(workspace.pk, "editor")]
