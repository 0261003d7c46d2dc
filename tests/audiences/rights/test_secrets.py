"""The secret that erased people are known by outlives the keys that it is encrypted with."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from audiences.models import ErasureKey
from audiences.rights.hashing import hash_of, made_secret, renew_secrets, secret_of
from workspaces.models import Workspace

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_a_new_key_takes_over_and_the_old_one_may_go(workspace: Workspace, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    secret = made_secret(workspace.pk)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    renew_secrets()
    token = ErasureKey.objects.get().secret
    renew_secrets()
    assert ErasureKey.objects.get().secret == token
    settings.ENCRYPTION_KEYS = [NEW]
    assert secret_of(workspace.pk) == secret


def test_a_key_that_is_gone_is_said(workspace: Workspace, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    made_secret(workspace.pk)
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(ImproperlyConfigured, match="VOLLEY_ENCRYPTION_KEYS"):
        secret_of(workspace.pk)


def test_workspaces_and_types_are_told_apart(workspace: Workspace, other_workspace: Workspace) -> None:
    mine, theirs = made_secret(workspace.pk), made_secret(other_workspace.pk)
    hashes = {
        hash_of(secret, type, "ana@example.test") for secret in (mine, theirs) for type in ("email", "external_id")
    }
    assert len(hashes) == 4 and {len(one) for one in hashes} == {32}
