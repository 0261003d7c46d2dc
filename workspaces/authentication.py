"""Who calls: the API key in `Authorization`, as `Bearer <key>` or bare."""

import hmac
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from common.authorship import Actor
from common.requests import Caller
from workspaces.keys import hash_key, prefix_of
from workspaces.models import ApiKey

LAST_USED_EVERY = timedelta(minutes=1)
_HEADER = "Send the header Authorization: Bearer <key>."


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the ApiKey (its workspace loaded) and `request.user` to a `Caller`."""

    def authenticate(self, request: Request) -> tuple[Caller, ApiKey] | None:
        given = request.META.get("HTTP_AUTHORIZATION", "").strip()
        if not given:
            return None
        key = _find(_plain(given))
        _touch(key)
        return Caller(actor=actor_of_key(key), workspace_id=key.workspace_id), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Volley"'


def actor_of_key(key: ApiKey) -> Actor:
    """Whoever made the key counts as the author of what it does."""
    author_id = key.created_by_id if key.created_by_kind == "user" else None
    return Actor(kind="api_key", id=key.pk, name=key.name, author_id=author_id)


def _plain(given: str) -> str:
    scheme, space, rest = given.partition(" ")
    if not space:
        return scheme
    if scheme.lower() != "bearer":
        raise AuthenticationFailed(f"Authorization has the scheme {scheme[:20]!r}; it is Bearer. {_HEADER}")
    return rest.strip()


def _find(plain: str) -> ApiKey:
    prefix = prefix_of(plain)
    if prefix is None:
        raise AuthenticationFailed(f"This is not an API key of Volley: they begin with vk_. {_HEADER}")
    key = ApiKey.objects.select_related("workspace").filter(prefix=prefix).first()
    if key is None or not hmac.compare_digest(key.hash, hash_key(plain)):
        raise AuthenticationFailed("There is no such API key. Make one in the admin, under API keys.")
    if key.revoked_at is not None:
        raise AuthenticationFailed(f"The API key was revoked at {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}. Make a new one.")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise AuthenticationFailed(f"The API key expired at {key.expires_at:%Y-%m-%dT%H:%M:%SZ}. Make a new one.")
    return key


def _touch(key: ApiKey) -> None:
    """Remembers the use at most once a minute: a hot key must not become a hot row."""
    if key.last_used_at is not None and key.last_used_at > timezone.now() - LAST_USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=Now() - LAST_USED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=Now())
