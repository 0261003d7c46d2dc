from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.authorship import Actor
from common.errors import Invalid, NotFound
from tests.factories import actor_for, make_key, make_user, make_workspace
from workspaces.authentication import ApiKeyAuthentication
from workspaces.keys import create_api_key, revoke_api_key
from workspaces.models import ApiKey, AuditEntry, Workspace

pytestmark = pytest.mark.django_db


def authenticate(header: str) -> tuple[Actor, ApiKey]:
    request = Request(APIRequestFactory().get("/", headers={"Authorization": header}))
    found = ApiKeyAuthentication().authenticate(request)
    assert found is not None
    return found[0].actor, found[1]


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "{}", "Bearer  {} "])
def test_the_key_opens_its_workspace_with_and_without_bearer(workspace: Workspace, form: str) -> None:
    made = make_key(workspace)
    actor, key = authenticate(form.format(made.plain))
    assert key.workspace == workspace
    assert (actor.kind, actor.name) == ("api_key", made.key.name)


def test_the_one_who_made_the_key_is_the_author() -> None:
    user = make_user()
    made = make_key(make_workspace(), actor=actor_for(user))
    assert authenticate(made.plain)[0].author_id == user.pk


def test_no_header_is_nobody() -> None:
    assert ApiKeyAuthentication().authenticate(Request(APIRequestFactory().get("/"))) is None


def test_only_a_prefix_and_a_hash_are_kept(workspace: Workspace) -> None:
    made = make_key(workspace)
    stored = ApiKey.objects.values().get(pk=made.key.pk)
    assert made.plain.startswith(f"vk_{stored['prefix']}_")
    assert made.plain not in str(stored)
    assert len(stored["hash"]) == 64


@pytest.mark.parametrize("header", ["Basic abc", "nonsense", "vk_", "Bearer", "Bearer vk_000000000000_" + "x" * 43])
def test_what_is_no_key_is_refused(header: str) -> None:
    with pytest.raises(AuthenticationFailed):
        authenticate(header)


def test_the_right_prefix_with_another_secret_is_refused(workspace: Workspace) -> None:
    plain = make_key(workspace).plain
    with pytest.raises(AuthenticationFailed, match="no such API key"):
        authenticate(plain[:-1] + ("A" if plain[-1] != "A" else "B"))


def test_an_expired_key_says_when_it_expired(workspace: Workspace) -> None:
    made = make_key(workspace, expires_at=timezone.now() + timedelta(hours=1))
    workspace.api_keys.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AuthenticationFailed, match="expired at 20"):
        authenticate(made.plain)


def test_a_revoked_key_says_so_and_revoking_twice_changes_nothing(workspace: Workspace) -> None:
    made = make_key(workspace)
    user = actor_for(make_user())
    assert revoke_api_key(key_id=made.key.pk, workspace_id=workspace.pk, actor=user)
    assert not revoke_api_key(key_id=made.key.pk, workspace_id=workspace.pk, actor=user)
    with pytest.raises(AuthenticationFailed, match="revoked at 20"):
        authenticate(made.plain)
    assert AuditEntry.objects.filter(object_type="api_key", action="revoked").count() == 1


def test_a_key_is_not_revoked_from_another_workspace(workspace: Workspace, other_workspace: Workspace) -> None:
    made = make_key(workspace)
    with pytest.raises(NotFound):
        revoke_api_key(key_id=made.key.pk, workspace_id=other_workspace.pk, actor=actor_for(make_user()))


def test_last_use_is_written_at_most_once_a_minute(
    workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = make_key(workspace)
    authenticate(made.plain)
    first = ApiKey.objects.get(pk=made.key.pk).last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        authenticate(made.plain)
    ApiKey.objects.filter(pk=made.key.pk).update(last_used_at=first - timedelta(seconds=61))
    authenticate(made.plain)
    assert ApiKey.objects.filter(pk=made.key.pk, last_used_at__gte=first).exists()


def test_unknown_scopes_and_an_empty_name_are_both_reported(workspace: Workspace) -> None:
    with pytest.raises(Invalid) as refused:
        create_api_key(workspace=workspace, name=" ", scopes=["all:of-it"], actor=actor_for(make_user()))
    assert [error.field for error in refused.value.errors] == ["name", "scopes[0]"]


def test_a_key_that_would_have_expired_already_is_not_made(workspace: Workspace) -> None:
    with pytest.raises(Invalid) as refused:
        make_key(workspace, expires_at=timezone.now())
    assert [(error.field, error.code) for error in refused.value.errors] == [("expires_at", "in_the_past")]
    assert not workspace.api_keys.exists()
