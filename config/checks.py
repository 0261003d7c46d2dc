"""System checks of the configuration itself; `config.environment` has refused missing and default secrets before."""

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution


@register()
def encryption_keys_are_usable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"Key {number} of VOLLEY_ENCRYPTION_KEYS is not a Fernet key: 32 bytes, URL-safe base64.",
            hint="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
            id="volley.E001",
        )
        for number, key in enumerate(settings.ENCRYPTION_KEYS, 1)
        if not is_fernet_key(key)
    ]


@register()
def production_is_reachable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without allowed hosts production answers every request with 400; over plain http it leaks sessions and keys."""
    found: list[CheckMessage] = []
    if settings.PRODUCTION and not settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "VOLLEY_ALLOWED_HOSTS is not set; production needs the host names that it is reached by.",
                hint="For example VOLLEY_ALLOWED_HOSTS=volley.example.com",
                id="volley.E002",
            )
        )
    if settings.PRODUCTION and not settings.BASE_URL.startswith("https://"):
        found.append(
            Caution(
                f"VOLLEY_BASE_URL is {settings.BASE_URL}; links in messages point there, and cookies go unencrypted.",
                hint="For example VOLLEY_BASE_URL=https://volley.example.com",
                id="volley.W001",
            )
        )
    return found


def is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
