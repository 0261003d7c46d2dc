"""A walk over every address of the admin as staff of another workspace: nothing is told, changed or broken."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from tests.admin.addresses import Address, every_address, of_lists, of_rows
from tests.admin.conftest import signed_in
from tests.admin.rows import everything_of, make_one_of_everything
from tests.factories import make_member, make_workspace
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
MARK = "XyzzyOther"
FOREIGN = {"get": {302, 403, 404, 405}, "post": {302, 400, 403, 404, 405}}


@dataclass(frozen=True)
class Walk:
    """A workspace with one of everything, all that is in it, and the cookies of an admin of another."""

    keys: dict[str, Any]
    workspace: Workspace
    before: dict[str, list[Any]]
    cookies: dict[str, str]

    def nothing_has_changed(self) -> bool:
        return everything_of(self.workspace) == self.before


@pytest.fixture(scope="module")
def walk(shared_rows: None) -> Walk:
    workspace = make_workspace()
    keys = make_one_of_everything(workspace, MARK)
    stranger = signed_in(make_member(make_workspace(), Role.ADMIN))
    cookies = {name: morsel.value for name, morsel in stranger.cookies.items()}
    return Walk(keys, workspace, everything_of(workspace), cookies)


@pytest.fixture
def stranger(walk: Walk) -> Client:
    """An admin, of a workspace with nobody else in it."""
    client = Client()
    client.cookies.load(walk.cookies)
    return client


def _told(answer: Any) -> bool:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return MARK.lower() in body.decode(errors="replace").lower()


def test_the_walk_finds_the_admin() -> None:
    paths = {address.path for address in every_address()}
    assert {
        "admin/campaigns/campaign/{campaign_id}/launch/",
        "admin/executions/execution/{execution_id}/deliveries/",
        "admin/templates_registry/template/{template_id}/preview/",
        "admin/audiences/list/{object_id}/history/",
        "admin/autocomplete/",
    } <= paths


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("address", of_rows(), ids=lambda address: address.path)
def test_a_row_of_another_workspace_is_not_there(address: Address, method: str, stranger: Client, walk: Walk) -> None:
    answer = getattr(stranger, method)(address.filled(walk.keys[str(address.model)]))
    assert answer.status_code in FOREIGN[method]
    assert not _told(answer)
    assert walk.nothing_has_changed()


@pytest.mark.parametrize("address", of_rows(), ids=lambda address: address.path)
def test_strange_keys_break_nothing(address: Address, stranger: Client) -> None:
    for strange in ("0", "9" * 18, "9" * 40, "-1", "abc", "%00", "%FF", "1%20OR%201=1"):
        assert stranger.get(address.filled(strange)).status_code in {302, 403, 404, 405}


@pytest.mark.parametrize("address", of_lists(), ids=lambda address: address.path)
def test_lists_and_forms_tell_nothing_of_another_workspace(address: Address, stranger: Client, walk: Walk) -> None:
    answer = stranger.get(address.filled(None))
    assert answer.status_code < 500
    assert not _told(answer)


@pytest.mark.parametrize("address", of_lists(), ids=lambda address: address.path)
def test_strange_queries_break_nothing(address: Address, stranger: Client) -> None:
    odd = "p=x&all=&o=9.x&before=x&after=-1&workspace=%FF&q=%FF&e=1&page=x&term=%FF&s=%27"
    for query in ("q=%00", "type=%00", f"before={'9' * 40}&p={'9' * 20}", odd):
        assert stranger.get(f"{address.filled(None)}?{query}").status_code < 500


@pytest.mark.parametrize("address", of_lists(), ids=lambda address: address.path)
def test_a_visitor_is_sent_to_sign_in(address: Address) -> None:
    if address.path in {"admin/login/", "admin/logout/", "admin/jsi18n/"}:
        return
    answer = Client().get(address.filled(None))
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def _actions() -> list[tuple[str, str]]:
    return [
        (model._meta.label_lower, str(name))
        for model, page in admin.site._registry.items()
        for name in ("delete_selected", *(page.actions or ()))
    ]


@pytest.mark.parametrize(("model", "action"), _actions())
def test_an_action_does_not_reach_rows_of_another_workspace(
    model: str, action: str, stranger: Client, walk: Walk
) -> None:
    for across in ("0", "1"):
        body = {"action": action, "_selected_action": walk.keys[model], "select_across": across, "post": "yes"}
        answer = stranger.post(f"/admin/{model.replace('.', '/')}/", body, follow=True)
        assert answer.status_code < 500
        assert not _told(answer)
    assert walk.nothing_has_changed()


def _references() -> list[tuple[str, str, str]]:
    """(app, model, field) of every field that the autocomplete could be asked for."""
    return [
        (model._meta.app_label, str(model._meta.model_name), field.name)
        for model in admin.site._registry
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if field.remote_field is not None
    ]


def test_autocomplete_offers_nothing_of_another_workspace(stranger: Client, walk: Walk) -> None:
    for (app, model, field), term in itertools.product(_references(), ("", MARK)):
        query = {"app_label": app, "model_name": model, "field_name": field, "term": term}
        answer = stranger.get("/admin/autocomplete/", query)
        assert answer.status_code < 500
        assert not _told(answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("campaigns/campaign/add/", {"name": "Mine", "type": "email", "template": "templates_registry.template"}),
        ("campaigns/campaign/add/", {"name": "Mine", "type": "push", "apps": "workspaces.app"}),
        ("campaigns/campaign/add/", {"name": "Mine", "type": "email", "sender": "providers.sender"}),
        ("audiences/upload/add/", {"name": "Mine", "list": "audiences.list"}),
        ("workspaces/membership/add/", {"user": "workspaces.user", "role": "viewer"}),
        ("workspaces/membership/add/", {"workspace": "workspaces.workspace", "role": "admin"}),
    ],
)
def test_a_form_does_not_take_a_row_of_another_workspace(
    path: str, body: dict[str, str], stranger: Client, walk: Walk
) -> None:
    filled = {name: walk.keys.get(value, value) for name, value in body.items()}
    defaults = {"purpose": "marketing", "on_cap": "skip", "on_unknown": "hold", "personalization": "{}"}
    answer = stranger.post(f"/admin/{path}", {**defaults, **filled})
    assert answer.status_code == 200
    assert not _told(answer)
    assert walk.nothing_has_changed()


def test_a_hidden_column_cannot_be_probed_through_the_address(stranger: Client) -> None:
    for query in ("password__startswith=p", "user__password__startswith=p"):
        assert stranger.get(f"/admin/workspaces/user/?{query}").status_code == 400
    assert stranger.get("/admin/workspaces/apikey/?hash__startswith=a").status_code == 400
